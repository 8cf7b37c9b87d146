"""What a silent client costs: resident memory per connection, from a thousand that have joined and send nothing more.

Teaches what each transport keeps while nobody speaks, the push service's socket included. Users sit in rooms of fifty,
each with one connection; their membership is part of the cost.
"""

import resource
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple
from urllib.parse import urlencode

from loadtests.experiments.bench import calls
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import BenchFinding
from loadtests.experiments.bench.measured_server import MeasuredServer, chat_server
from loadtests.experiments.bench.pairs import Void
from loadtests.experiments.bench.readers import TEXT, ValueReader, client_frame
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.users.http_session import HttpUserSession
from servers.core.wire import Account, decode, encode
from servers.transports import TRANSPORTS, Commands, Reads, Transport

ROOM_SIZE = 50
SETTLE_S = 1.0  # so that the server has processed the last requests before its memory is read
KIBIBYTE = 1024
OTHER_FILES = 200  # of this process and of the server, beside these sockets
HOLD_S = "300"  # so that every poll is still held when the last client has come

Accounts = Sequence[Account]
Connections = list[BenchConnection]


def request_events(
    server: MeasuredServer, client: HttpUserSession, room: str, accounts: Accounts, *, is_held: bool
) -> Connections:
    """Send a request for events, and await its response unless it is held: a long poll, or an event stream."""
    head = calls.join(client, accounts, room)
    connections = calls.connect(server.address, len(accounts))
    requests = calls.poll_requests(server.address, accounts, head, room)
    if is_held:
        for connection, request in zip(connections, requests, strict=True):
            connection.send(request)
    else:
        calls.exchange(connections, requests, 200, "poll")
    return connections


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


def enter_rooms(
    transport: Transport, server: MeasuredServer, client: HttpUserSession, accounts: Accounts
) -> Connections:
    """Have the accounts enter rooms, ROOM_SIZE accounts each; return their connections in the accounts' order."""
    opened: Connections = []
    for start in range(0, len(accounts), ROOM_SIZE):
        room, members = f"room-{start}", accounts[start : start + ROOM_SIZE]
        if transport.needs_push_service:
            opened += subscribe(server, client, room, members)
        elif transport.commands is Commands.FRAMES:
            joins = calls.join_frames(members)
            opened += calls.open_sockets(server.address, f"/rooms/{room}/socket", len(members), joins)
        else:
            is_held = transport.reads is not Reads.POLL
            opened += request_events(server, client, room, members, is_held=is_held)
    return opened


class IdleCrowd(NamedTuple):
    """Open, silent connections of a server. opened_per_cpu_s: how many it opened in a second of its CPU time."""

    server: MeasuredServer
    accounts: Accounts
    crowd: Crowd
    kib_each: float
    opened_per_cpu_s: float


@contextmanager
def idle_crowd(
    transport: Transport, connections: int, per_user: int = calls.CONNECTIONS_PER_USER
) -> Iterator[IdleCrowd]:
    """Run a server until the block ends, and have users enter rooms."""
    require_files(connections + connections // ROOM_SIZE)
    with chat_server(transport.slug, "--hold", HOLD_S) as server, calls.api_client(server.address) as client:
        before_bytes = server.resident_bytes()
        accounts = calls.log_in(client, connections, per_user)
        before_s = server.cpu_s()
        opened = enter_rooms(transport, server, client, accounts)
        opened_per_cpu_s = connections / server.cpu_since_s(before_s)
        if transport.commands is not Commands.FRAMES:  # then an open response is for receiving only
            for connection in opened:
                connection.reader = ValueReader(calls.MARK)
        with closing(Crowd(opened)) as crowd:
            crowd.run_for(SETTLE_S, lambda *_: None)
            kib_each = (server.resident_bytes() - before_bytes) / connections / KIBIBYTE
            yield IdleCrowd(server, accounts, crowd, kib_each, opened_per_cpu_s)


def require_files(connections: int) -> None:
    """Raise Void, with the remedy, unless this process and the server may each hold so many sockets."""
    needed = connections + OTHER_FILES
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < needed:
        raise Void(
            f"needs {needed:,} open files, and {allowed:,} are allowed: raise it with `ulimit -Hn {needed}` as root"
        )


def kib_per_connection(transport: Transport, connections: int, per_user: int = calls.CONNECTIONS_PER_USER) -> float:
    """Return by how much the server has grown, per connection, once all are silent."""
    with idle_crowd(transport, connections, per_user) as idle:
        return idle.kib_each


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Return the memory per connection of each transport."""
    return [
        BenchFinding(
            f"idle connection, {row.label}",
            "KiB",
            [kib_per_connection(row, sizes.idle_connections, per_user=1) for _ in range(sizes.pairs)],
            note=f"growth of the server{' and the push service' if row.needs_push_service else ''} per connection",
        )
        for row in TRANSPORTS
    ]
