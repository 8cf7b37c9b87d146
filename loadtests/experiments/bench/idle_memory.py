"""What a silent client costs: resident memory per connection, from a thousand that have joined and send nothing more.

Teaches what each transport keeps while nobody speaks, the push service's socket included. Users sit in rooms of fifty,
each with one connection; their membership is part of the cost.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from urllib.parse import urlencode

from loadtests.experiments.bench import calls
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import BenchFinding
from loadtests.experiments.bench.measured_server import MeasuredServer, chat_server
from loadtests.experiments.bench.readers import TEXT, client_frame
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.users.http_session import HttpUserSession
from servers.core.wire import Account, decode, encode
from servers.transports import TRANSPORTS, Commands, Reads, Transport

ROOM_SIZE = 50
SETTLE_S = 1.0  # so that the server has processed the last requests before its memory is read
KIBIBYTE = 1024

Accounts = Sequence[Account]
Connections = list[BenchConnection]
EnterRoom = Callable[[MeasuredServer, HttpUserSession, str, Accounts], Connections]
"""Has users join a room; returns their connections, which then stay open and silent."""


def poll_once(server: MeasuredServer, client: HttpUserSession, room: str, accounts: Accounts) -> Connections:
    """Poll once, and keep the connection for the next time."""
    head = calls.join(client, accounts, room)
    connections = calls.connect(server.address, len(accounts))
    calls.exchange(connections, calls.poll_requests(server.address, accounts, head, room), 200, "poll")
    return connections


def leave_request_open(server: MeasuredServer, client: HttpUserSession, room: str, accounts: Accounts) -> Connections:
    """Send a request that stays open: a long poll, or an event stream."""
    head = calls.join(client, accounts, room)
    connections = calls.connect(server.address, len(accounts))
    requests = calls.poll_requests(server.address, accounts, head, room)
    for connection, request in zip(connections, requests, strict=True):
        connection.send(request)
    return connections


def open_socket(server: MeasuredServer, _: HttpUserSession, room: str, accounts: Accounts) -> Connections:
    """Join over a WebSocket."""
    return calls.open_sockets(server.address, f"/rooms/{room}/socket", len(accounts), calls.join_frames(accounts))


def subscribe(server: MeasuredServer, client: HttpUserSession, room: str, accounts: Accounts) -> Connections:
    """Join over HTTP, and subscribe to the room's channel at the push service."""
    calls.join(client, accounts, room)
    key = client.get("/pusher/service", dict)["key"]
    connections = calls.connect(server.push_service, len(accounts))
    handshake = calls.upgrade_request(server.push_service, f"/app/{key}?protocol=7")
    greetings = calls.exchange(connections, [handshake] * len(accounts), TEXT, "greeting", replies=2)
    frames = [
        subscription(client, account, room, greeting) for account, greeting in zip(accounts, greetings, strict=True)
    ]
    calls.exchange(connections, frames, TEXT, "subscription")
    return connections


def subscription(client: HttpUserSession, account: Account, room: str, greeting: bytes) -> bytes:
    """Return the frame that subscribes the greeted socket, signed by the API."""
    channel = f"private-room-{room}"
    socket_id = decode(decode(greeting)["data"])["socket_id"]  # the data of a frame is JSON within JSON
    client.token = account.token
    signed = client.post_form("/pusher/auth", urlencode({"channel_name": channel, "socket_id": socket_id}), dict)
    return client_frame(encode({"event": "pusher:subscribe", "data": {"channel": channel, "auth": signed["auth"]}}))


def entering(transport: Transport) -> EnterRoom:
    """Return how a transport's users enter a room, which follows from how they read and send."""
    if transport.needs_push_service:
        return subscribe
    if transport.commands is Commands.FRAMES:
        return open_socket
    return poll_once if transport.reads is Reads.POLL else leave_request_open


def enter_rooms(
    transport: Transport, server: MeasuredServer, client: HttpUserSession, accounts: Accounts
) -> Connections:
    """Have the accounts enter rooms, ROOM_SIZE accounts each; return their connections in the accounts' order."""
    enter = entering(transport)
    opened: Connections = []
    for start in range(0, len(accounts), ROOM_SIZE):
        opened += enter(server, client, f"room-{start}", accounts[start : start + ROOM_SIZE])
    return opened


def kib_per_connection(transport: Transport, connections: int) -> float:
    """Return by how much the server has grown, per connection, once all are silent."""
    with chat_server(transport.slug) as server, calls.api_client(server.address) as client:
        before_bytes = server.resident_bytes()
        accounts = calls.log_in(client, connections, per_user=1)
        with closing(Crowd(enter_rooms(transport, server, client, accounts))) as crowd:
            crowd.run_for(SETTLE_S, lambda *_: None)
            grown_bytes = server.resident_bytes() - before_bytes
    return grown_bytes / connections / KIBIBYTE


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Return the memory per connection of each transport."""
    return [
        BenchFinding(
            f"idle connection, {row.label}",
            "KiB",
            [kib_per_connection(row, sizes.idle_connections) for _ in range(sizes.pairs)],
            note=f"growth of the server{' and the push service' if row.needs_push_service else ''} per connection",
        )
        for row in TRANSPORTS
    ]
