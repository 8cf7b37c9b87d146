"""One client of a hundred stops reading: what the others notice, what it costs, and what it gets when it reads again.

Teaches the test that a chat server fails if it awaits its clients in turn (the room freezes) or keeps a queue for each
(memory grows with the backlog). A pair is the same room with everybody reading, and with one connection not read; in
both legs only the others' latencies count. The backlog is several times what a connection's buffers hold.
"""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from statistics import median
from time import perf_counter

from loadtests.experiments.bench.calls import MARK, api_client, join_frames, log_in, open_sockets
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import BenchFinding, Goal, compared
from loadtests.experiments.bench.pairs import BenchSizes, Pairs, Void
from loadtests.experiments.bench.processes import MeasuredServer, chat_server
from loadtests.experiments.bench.readers import CLOSE, Message, client_frame
from servers.core.wire import Send, encode

TEXT = "m" * 4000  # nearly the longest message: it fills buffers soonest
MEBIBYTE = 1 << 20
UNCHANGED = Goal(1.15)
MEMORY = Goal(4.0)
NOTHING = Goal(0.0)
STALLED_BUFFER_BYTES = 65_536


class StalledRoom:
    """Everyone's connections; the first one publishes, one message at a time, and the last one stalls."""

    def __init__(self, server: MeasuredServer, connections: list[BenchConnection]) -> None:
        self._server = server
        self._crowd = Crowd(connections)
        *self._others, self._stalled = connections
        self._stalled.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_BUFFER_BYTES)
        self.close_code = 0
        self._sent = self._arrived = 0
        self._sent_at_s = 0.0
        self._latencies_s: list[float] = []
        self._caught_up_from_log = False

    def p50_s(self, messages: int) -> float:
        """Publish one by one; return the others' median latency. Raises Void if one of them lacks a message."""
        self._latencies_s.clear()
        for _ in range(messages):
            self._sent += 1
            self._arrived = 0
            self._sent_at_s = perf_counter()
            self._others[0].send(client_frame(encode(Send(f"id-{self._sent}", TEXT, ref=self._sent))))
            self._crowd.run(self._on_message, lambda: self._arrived >= len(self._others))
        if any(each.messages != self._sent for each in self._others):
            raise Void("a connection that was read lacks a message, or has one twice")
        return median(self._latencies_s)

    def p50_while_stalled_s(self, messages: int, growth_mib: list[float], missing: list[float]) -> float:
        """The same while one connection is not read; note the server's growth, and what that connection then lacks."""
        before_bytes = self._server.resident_bytes()
        self._caught_up_from_log = False
        self._crowd.pause(self._stalled)
        p50_s = self.p50_s(messages)
        growth_mib.append((self._server.resident_bytes() - before_bytes) / MEBIBYTE)
        self._crowd.resume(self._stalled)
        self._crowd.run(self._on_message, lambda: self._stalled.messages >= self._sent or self._crowd.closed > 0)
        if not self._caught_up_from_log:
            raise Void("buffers held the whole backlog, so nobody noticed that a connection stalled")
        missing.append(self._sent - self._stalled.messages)
        return p50_s

    def close(self) -> None:
        self._crowd.close()

    def _on_message(self, connection: BenchConnection, message: Message) -> None:
        if message.kind == CLOSE:
            self.close_code = int.from_bytes(message.body[:2], "big")
        new = message.body.count(MARK)
        connection.messages += new
        if new and connection is not self._stalled:
            self._arrived += new
            self._latencies_s.append(perf_counter() - self._sent_at_s)
        if new > 1:  # a message is pushed in a page of its own: only catching up from the log brings more at once
            self._caught_up_from_log = True


@contextmanager
def joined_room(subscribers: int) -> Iterator[StalledRoom]:
    """Run our WebSocket server, with a room that all have joined."""
    with chat_server("raw_websocket") as server:
        with api_client(server.address) as client:
            joins = join_frames(log_in(client, subscribers))
        with closing(
            StalledRoom(server, open_sockets(server.address, "/rooms/room/socket", subscribers, joins))
        ) as room:
            yield room


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Return what happened to the others' latency, to the server's memory, and to the stalled connection."""
    pairs, growth_mib, missing = Pairs(), list[float](), list[float]()
    messages = sizes.stall_messages
    with joined_room(sizes.stall_subscribers) as room:
        room.p50_s(messages)  # the server's own tail of the log is full from here on
        for _ in range(sizes.pairs):
            stalled = partial(room.p50_while_stalled_s, messages, growth_mib, missing)
            pairs.measure(stalled, partial(room.p50_s, messages))
    backlog = f"{messages * len(TEXT) / MEBIBYTE:.0f} MiB not read"
    ending = f"closed with {room.close_code}" if room.close_code else "caught up from its cursor on the same connection"
    name = f"one of {sizes.stall_subscribers} stalled: "
    return [
        compared(name + "the others' p50", pairs, UNCHANGED, "latency with a stalled connection over without"),
        BenchFinding(name + "memory", "MiB", growth_mib, MEMORY, f"the server's growth for {backlog}"),
        BenchFinding(name + "lacking once awake", "messages", missing, NOTHING, ending),
    ]
