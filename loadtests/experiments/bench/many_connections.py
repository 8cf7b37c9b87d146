"""Ten thousand clients of one process: memory for each, how fast they connect, and when all have seen a message.

Teaches that an open connection costs memory and hardly any time, until somebody writes: then all of them cost time at
once, and the last reader waits for the others. Users sit in rooms of fifty, and one message goes to every room at the
same moment. For a server that holds no connections, see `empty_polls`: its polls per CPU-second.
"""

import time
from collections.abc import Sequence
from statistics import quantiles
from typing import NamedTuple

from loadtests.experiments.bench import calls
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import BenchFinding, Target
from loadtests.experiments.bench.idle_memory import KIBIBYTE, ROOM_SIZE, Connections, idle_crowd
from loadtests.experiments.bench.pairs import Void
from loadtests.experiments.bench.readers import Message, client_frame
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.harness.baselines import TEXT
from loadtests.users.http_connection import ConnectionLost
from servers.core.wire import Account, Send, encode
from servers.transports import Commands, Transport, find

SLUGS = ("raw_websocket", "server_sent_events", "long_polling")
MEMORY = Target(30_000 / KIBIBYTE)  # of each client, in KiB


class CrowdCost(NamedTuple):
    """What one crowd cost a server."""

    kib_each: float
    opened_per_cpu_s: float
    p50_ms: float
    p99_ms: float


def crowd_cost(transport: Transport, connections: int) -> CrowdCost:
    """Return what the connections cost, idle and with one message; raises Void unless each gets the message once."""
    with idle_crowd(transport, connections) as idle:
        senders = idle.crowd.connections[::ROOM_SIZE]
        if transport.commands is not Commands.FRAMES:
            senders = calls.connect(idle.server.address, len(senders))
        delays_ms = deliver(idle.crowd, senders, sends(transport, idle.server.address, idle.accounts[::ROOM_SIZE]))
        for sender in senders:
            sender.socket.close()
    percentiles = quantiles(delays_ms, n=100)
    return CrowdCost(idle.kib_each, idle.opened_per_cpu_s, percentiles[49], percentiles[98])


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
