"""One client of a hundred stops reading: what the others notice, what it costs, and what the client gets once awake.

Teaches the test that a chat server fails if it awaits its clients in turn (the room freezes) or keeps a queue for each
(memory grows with the backlog). A pair is the same room with everybody reading, and with one line that is not read; in
both legs only the others' latencies count. The backlog is several times what a connection's buffers hold.
"""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from statistics import quantiles
from time import perf_counter

from loadtests.experiments.bench.calls import MARK, Caller, accounts, join_frames, open_sockets
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import Finding, Goal, compared
from loadtests.experiments.bench.pairs import Pairs, Void
from loadtests.experiments.bench.processes import Child, chat_server
from loadtests.experiments.bench.readers import CLOSE, Message, client_frame
from loadtests.experiments.bench.sizes import BenchSizes
from servers.core.wire import Send, encode

TEXT = "m" * 4000  # the longest message, nearly: it fills buffers soonest
MEBIBYTE = 1 << 20
UNCHANGED = Goal(1.15)
MEMORY = Goal(4.0)
NOTHING = Goal(0.0)
SLEEPER_BUFFER_BYTES = 65_536


class Room:
    """Everyone's lines; the last one is the sleeper, and the first one publishes, one message at a time."""

    def __init__(self, server: Child, lines: list[BenchConnection]) -> None:
        self.server = server
        self.crowd = Crowd(lines)
        self.sleeper = lines[-1]
        self.sleeper.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLEEPER_BUFFER_BYTES)
        self.closed_with = 0
        self._others = len(lines) - 1
        self._sent = self._arrived = 0
        self._sent_at_s = 0.0
        self._latencies_s: list[float] = []
        self._left_behind = False

    def p50_s(self, messages: int) -> float:
        """Publish; return the median time until another line has a message."""
        return self._publish(messages)[49]

    def p50_while_stalled_s(self, messages: int, growth_mib: list[float], lacking: list[float]) -> float:
        """The same while the sleeper is not read; note the memory that it cost, and what the sleeper lacks after."""
        before_bytes = self.server.resident_bytes()
        self._left_behind = False
        self.crowd.set_aside(self.sleeper)
        p50_s = self._publish(messages)[49]
        growth_mib.append((self.server.resident_bytes() - before_bytes) / MEBIBYTE)
        self.crowd.take_back(self.sleeper)
        self.crowd.run(self._count, lambda: self.sleeper.messages >= self._sent or self.crowd.lost > 0)
        if not self._left_behind:
            raise Void("buffers held the whole backlog, so nobody noticed that a line stalled")
        lacking.append(self._sent - self.sleeper.messages)
        return p50_s

    def _publish(self, messages: int) -> list[float]:
        """Publish one by one; return the percentiles of the others' latencies. Raises Void if one is missing."""
        self._latencies_s.clear()
        for _ in range(messages):
            self._sent += 1
            self._arrived = 0
            self._sent_at_s = perf_counter()
            self.crowd.lines[0].send(client_frame(encode(Send(f"id-{self._sent}", TEXT, ref=self._sent))))
            self.crowd.run(self._count, lambda: self._arrived >= self._others)
        if any(line.messages != self._sent for line in self.crowd.lines if line is not self.sleeper):
            raise Void("a line that was read lacks a message, or has one twice")
        return quantiles(self._latencies_s, n=100)

    def _count(self, line: BenchConnection, message: Message) -> None:
        if message.kind == CLOSE:
            self.closed_with = int.from_bytes(message.body[:2], "big")
        fresh = message.body.count(MARK)
        line.messages += fresh
        if fresh and line is not self.sleeper:
            self._arrived += fresh
            self._latencies_s.append(perf_counter() - self._sent_at_s)
        if fresh > 1:  # what is pushed at once is one message a page: only who catches up gets more
            self._left_behind = True


@contextmanager
def everyone_joined(subscribers: int) -> Iterator[Room]:
    """Run our WebSocket server, with a room that all have joined."""
    with chat_server("raw_websocket") as server:
        with closing(Caller(server.address)) as caller:
            joins = join_frames(accounts(caller, subscribers))
        room = Room(server, open_sockets(server.address, "/rooms/room/socket", subscribers, joins))
        with closing(room.crowd):
            yield room


def measure(plan: BenchSizes) -> list[Finding]:
    """Return what happened to the others' latency, to the server's memory, and to the sleeper."""
    pairs, growth_mib, lacking = Pairs(), list[float](), list[float]()
    messages = plan.stall_messages
    with everyone_joined(plan.stall_subscribers) as room:
        room.p50_s(messages)  # the server's own tail of the log is full from here on
        for _ in range(plan.pairs):
            pairs.measure(
                partial(room.p50_while_stalled_s, messages, growth_mib, lacking), partial(room.p50_s, messages)
            )
    backlog = f"{messages * len(TEXT) / MEBIBYTE:.0f} MiB not read"
    fate = f"closed with {room.closed_with}" if room.closed_with else "caught up from its cursor on the same line"
    name = f"one of {plan.stall_subscribers} stalled: "
    return [
        compared(name + "the others' p50", pairs, UNCHANGED, "latency with a stalled line over without"),
        Finding(name + "memory", "MiB", growth_mib, MEMORY, f"the server's growth for {backlog}"),
        Finding(name + "lacking once awake", "messages", lacking, NOTHING, fate),
    ]
