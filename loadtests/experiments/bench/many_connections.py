"""Ten thousand clients of one process: memory for each, how fast they connect, and when all have seen a message.

Teaches that an open connection costs memory and hardly any time, until somebody writes: then all of them cost time at
once, and the last reader waits for the others. Users sit in rooms of fifty, and one message goes to every room at the
same moment. For a server that holds no connections, see `empty_polls`: its polls per CPU-second.
"""

import resource
import time
from collections.abc import Sequence
from contextlib import closing
from statistics import quantiles
from typing import NamedTuple

from loadtests.experiments.bench import calls
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import BenchFinding, Target
from loadtests.experiments.bench.idle_memory import KIBIBYTE, ROOM_SIZE, SETTLE_S, Connections, enter_rooms
from loadtests.experiments.bench.measured_server import chat_server
from loadtests.experiments.bench.pairs import Void
from loadtests.experiments.bench.readers import Message, ValueReader, client_frame
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.harness.baselines import TEXT
from loadtests.users.http_connection import ConnectionLost
from servers.core.wire import Account, Send, encode
from servers.transports import Commands, Transport, find

SLUGS = ("raw_websocket", "server_sent_events", "long_polling")
MEMORY = Target(30_000 / KIBIBYTE)  # of each client, in KiB
OTHER_FILES = 200  # of this process and of the server, beside these sockets
HOLD_S = "300"  # so that every poll is still held when the last client has come


class CrowdCost(NamedTuple):
    """What one crowd cost a server."""

    kib_each: float
    opened_per_cpu_s: float
    p50_ms: float
    p99_ms: float


def crowd_cost(transport: Transport, connections: int) -> CrowdCost:
    """Return what the connections cost, idle and with one message; raises Void unless each gets the message once."""
    require_files(connections + connections // ROOM_SIZE)
    with chat_server(transport.slug, "--hold", HOLD_S) as server, calls.api_client(server.address) as client:
        before_bytes = server.resident_bytes()
        accounts = calls.log_in(client, connections)
        before_s = server.cpu_s()
        opened = enter_rooms(transport, server, client, accounts)
        opened_per_cpu_s = connections / server.cpu_since_s(before_s)
        senders = opened[::ROOM_SIZE]
        if transport.commands is not Commands.FRAMES:  # then an open response is for receiving only
            senders = calls.connect(server.address, len(senders))
            for connection in opened:
                connection.reader = ValueReader(calls.MARK)
        with closing(Crowd(opened)) as crowd:
            crowd.run_for(SETTLE_S, raise_if_early)
            grown_bytes = server.resident_bytes() - before_bytes
            delays_ms = deliver(crowd, senders, sends(transport, server.address, accounts[::ROOM_SIZE]))
        for sender in senders:
            sender.socket.close()
    percentiles = quantiles(delays_ms, n=100)
    kib_each = grown_bytes / connections / KIBIBYTE
    return CrowdCost(kib_each, opened_per_cpu_s, percentiles[49], percentiles[98])


def sends(transport: Transport, address: str, accounts: Sequence[Account]) -> list[bytes]:
    """Return for each room the request or the frame by which its first user sends a message."""
    bodies = [encode(Send(f"id-{room}", TEXT, ref=1)) for room in range(len(accounts))]
    if transport.commands is Commands.FRAMES:
        return list(map(client_frame, bodies))
    return [
        calls.http_request(address, "POST", f"/rooms/room-{room * ROOM_SIZE}/send", account.token, body)
        for room, (account, body) in enumerate(zip(accounts, bodies, strict=True))
    ]


def deliver(crowd: Crowd, senders: Connections, messages: Sequence[bytes]) -> list[float]:
    """Send all messages at once; return for each connection after how many milliseconds it had its message."""
    delays_ms: list[float] = []
    started_s = time.perf_counter()

    def on_message(connection: BenchConnection, message: Message) -> None:
        if calls.MARK in message.body:
            connection.messages += 1
            delays_ms.append((time.perf_counter() - started_s) * 1000)

    for sender, message in zip(senders, messages, strict=True):
        sender.send(message)
    crowd.run(on_message, lambda: len(delays_ms) >= len(crowd.connections))
    if wrong := [connection for connection in crowd.connections if connection.messages != 1]:
        raise Void(f"{len(wrong)} of {len(crowd.connections)} connections got other than one message")
    return delays_ms


def raise_if_early(connection: BenchConnection, message: Message) -> None:
    """Raise Void if a message comes before anybody has sent one."""
    if calls.MARK in message.body:
        raise Void(f"connection {connection.number} got {message.body[:200]!r} before a message was sent")


def require_files(connections: int) -> None:
    """Raise Void, with the remedy, unless this process and the server may each hold so many sockets."""
    needed = connections + OTHER_FILES
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < needed:
        raise Void(
            f"needs {needed:,} open files, and {allowed:,} are allowed: raise it with `ulimit -Hn {needed}` as root"
        )


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Return the cost of the crowd on each transport that holds connections."""
    return [finding for slug in SLUGS for finding in measure_transport(find(slug), sizes)]


def measure_transport(transport: Transport, sizes: BenchSizes) -> list[BenchFinding]:
    """Return memory, rate of opening, and delays, each for every repeat."""
    costs: list[CrowdCost] = []
    voids: list[str] = []
    for _ in range(sizes.pairs):
        try:
            costs.append(crowd_cost(transport, sizes.many_connections))
        except (Void, ConnectionLost) as reason:
            voids.append(str(reason))
    name = f"{sizes.many_connections:,} clients, {transport.label}"
    memory_target = MEMORY if transport.commands is Commands.FRAMES else None
    note = f"rooms of {ROOM_SIZE}; one message to every room at once"
    return [
        BenchFinding(f"{name}: memory of each", "KiB", [cost.kib_each for cost in costs], memory_target, note, voids),
        BenchFinding(f"{name}: opened", "per CPU-s", [cost.opened_per_cpu_s for cost in costs]),
        BenchFinding(f"{name}: median delay", "ms", [cost.p50_ms for cost in costs]),
        BenchFinding(f"{name}: p99 of the delay", "ms", [cost.p99_ms for cost in costs]),
    ]
