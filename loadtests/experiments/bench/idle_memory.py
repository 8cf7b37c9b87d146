"""What a silent client costs: resident memory per connection, from a thousand that have joined and say nothing more.

Teaches what each transport keeps while nobody speaks: between two polls an open connection, during a long poll a
request as well, with an event stream its tasks too, on a socket its protocol state and two tasks, and with a push
service a socket at another process, which counts too. Users sit in rooms of fifty, each with one connection; their
membership is part of the price.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from urllib.parse import urlencode

import msgspec

from loadtests.experiments.bench.calls import (
    Caller,
    accounts,
    connect,
    expect,
    http_request,
    join_frames,
    open_sockets,
    upgrade,
)
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import Finding
from loadtests.experiments.bench.processes import Child, chat_server
from loadtests.experiments.bench.readers import TEXT, client_frame
from loadtests.experiments.bench.sizes import BenchSizes
from servers.core.wire import Account, decode, encode
from servers.transports import TRANSPORTS, Commands, Reads, Transport

ROOM_SIZE = 50
SETTLE_S = 1.0
KIBIBYTE = 1024

Settle = Callable[[Child, Caller, str, Sequence[Account]], list[BenchConnection]]
"""Lets users into a room, and returns their connections, which then stay open and silent."""


def polls(caller: Caller, room: str, owners: Sequence[Account]) -> list[bytes]:
    """Join the room as each owner; return their polls from its head."""
    snapshots = [caller.join(owner, room, "c") for owner in owners]
    path = f"/rooms/{room}/events?after={snapshots[-1].cursor}&connection=c"
    return [http_request(caller.address, "GET", path, owner.token) for owner in owners]


def polled(_: Child, caller: Caller, room: str, owners: Sequence[Account]) -> list[BenchConnection]:
    """Poll once, and keep the connection for the next time."""
    lines = connect(caller.address, len(owners))
    with closing(Crowd(lines)) as crowd:
        for answer in crowd.exchange(polls(caller, room, owners)):
            expect(answer, 200, "poll")
    return lines


def parked(_: Child, caller: Caller, room: str, owners: Sequence[Account]) -> list[BenchConnection]:
    """Ask, and be kept waiting: for one answer, or for more of one that goes on."""
    lines = connect(caller.address, len(owners))
    for line, poll in zip(lines, polls(caller, room, owners), strict=True):
        line.send(poll)
    return lines


def on_sockets(_: Child, caller: Caller, room: str, owners: Sequence[Account]) -> list[BenchConnection]:
    """Join over a socket."""
    return open_sockets(caller.address, f"/rooms/{room}/socket", len(owners), join_frames(owners))


def subscribed(server: Child, caller: Caller, room: str, owners: Sequence[Account]) -> list[BenchConnection]:
    """Join over HTTP, and subscribe to the room's channel at the push service."""
    for owner in owners:
        caller.join(owner, room, "c")
    key = caller.call("GET", "/pusher/service", dict)["key"]
    lines = connect(server.push_service, len(owners))
    with closing(Crowd(lines)) as crowd:
        greetings = crowd.exchange([upgrade(server.push_service, f"/app/{key}?protocol=7")] * len(owners), replies=2)
        frames = [
            subscription(caller, owner, room, expect(greeting, TEXT, "greeting"))
            for owner, greeting in zip(owners, greetings, strict=True)
        ]
        for confirmation in crowd.exchange(frames):
            expect(confirmation, TEXT, "subscription")
    return lines


def subscription(caller: Caller, owner: Account, room: str, greeting: bytes) -> bytes:
    """Return the frame that subscribes the greeted socket, signed by the API."""
    channel, socket_id = f"private-room-{room}", decode(decode(greeting)["data"])["socket_id"]
    form = urlencode({"channel_name": channel, "socket_id": socket_id}).encode()
    signed = caller.call("POST", "/pusher/auth", dict, owner.token, msgspec.Raw(form))  # Raw: sent as it is
    return client_frame(encode({"event": "pusher:subscribe", "data": {"channel": channel, "auth": signed["auth"]}}))


def settling(transport: Transport) -> Settle:
    """Return how a transport's users come to be silent, which follows from how they ask and how they speak."""
    if transport.needs_push_service:
        return subscribed
    if transport.commands is Commands.FRAMES:
        return on_sockets
    return polled if transport.reads is Reads.POLL else parked


def kib_per_connection(transport: Transport, connections: int) -> float:
    """Return by how much the server has grown, per connection, once all are silent."""
    settle = settling(transport)
    with chat_server(transport.slug) as server, closing(Caller(server.address)) as caller:
        before_bytes = server.resident_bytes()
        owners = accounts(caller, connections, lines_per_user=1)
        lines: list[BenchConnection] = []
        for start in range(0, connections, ROOM_SIZE):
            lines += settle(server, caller, f"room-{start}", owners[start : start + ROOM_SIZE])
        with closing(Crowd(lines)) as crowd:
            crowd.linger(lambda *_: None, SETTLE_S)
            grown_bytes = server.resident_bytes() - before_bytes
            crowd.close_lines()
    return grown_bytes / connections / KIBIBYTE


def measure(plan: BenchSizes) -> list[Finding]:
    """Return the memory per connection of each transport."""
    return [
        Finding(
            f"idle connection, {row.label}",
            "KiB",
            [kib_per_connection(row, plan.idle_connections) for _ in range(plan.pairs)],
            note=f"growth of the server{' and the push service' * row.needs_push_service} per connection",
        )
        for row in TRANSPORTS
    ]
