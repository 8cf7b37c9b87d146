"""A TCP connection through two ends that are a known time apart. `servers.deploy.relay` makes them.

Teaches what it takes to inject a delay and nothing else. Everything that one end receives (bytes, the end of the
stream, a reset) is put on a timetable, and the other end sends it a constant time later, in order. Bytes in flight are
bounded: the relay stops reading from a sender that is HELD_BYTES ahead, or whose receiver does not read. So the sender
feels back-pressure, as on a real link.

One timer serves all links (see `servers.deploy.precise_timer`). Nothing is ever delivered early.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from itertools import count
from struct import pack
from time import perf_counter
from typing import cast

from servers.deploy.precise_timer import PreciseTimer

HELD_BYTES = 1024 * 1024  # a megabyte in 100 ms, on each connection, is far above any chat
RESET_ON_CLOSE = pack("ii", 1, 0)  # struct linger: on, for no time

Action = Callable[[], None]


class Timetable:
    """Runs each action when it is due, never early."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._entries: list[tuple[float, int, Action]] = []
        self._order = count()
        self._timer = PreciseTimer(loop, self._run)

    def call_at(self, due_s: float, action: Action) -> None:
        """Run an action at a moment of the monotonic clock; equal moments keep their order."""
        entry = (due_s, next(self._order), action)
        heappush(self._entries, entry)
        if self._entries[0] is entry:
            self._timer.set(due_s - perf_counter())

    def close(self) -> None:
        self._timer.close()

    def _run(self) -> None:
        while self._entries:
            left_s = self._entries[0][0] - perf_counter()
            if left_s > 0:
                self._timer.set(left_s)
                return
            _, _, action = heappop(self._entries)
            action()


class End(asyncio.Protocol):
    """One connection of a link: to the client, or to the server. on_data: gets each piece; returns what to pass on."""

    transport: asyncio.Transport | None = None
    outgoing: "Pipe"  # what this end receives, on its way to the other
    incoming: "Pipe"  # what the other end has received

    def __init__(self, on_data: Callable[[bytes], bytes]) -> None:
        self._on_data = on_data
        self._eof_received = self._eof_sent = False

    @property
    def is_gone(self) -> bool:
        return self.transport is not None and self.transport.is_closing()

    def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def finish(self) -> None:
        """Close this direction; close the connection if the peer has closed the other."""
        assert self.transport is not None
        self._eof_sent = True
        if self._eof_received:
            self.transport.close()
        else:
            self.transport.write_eof()

    def reset(self) -> None:
        """Break the connection off."""
        assert self.transport is not None
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.incoming.open()

    def data_received(self, data: bytes) -> None:
        data = self._on_data(data)
        self.outgoing.schedule(partial(End.write, data=data), len(data))

    def eof_received(self) -> bool:
        self._eof_received = True
        self.outgoing.schedule(End.finish)
        return not self._eof_sent  # True leaves our half open

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.outgoing.schedule(End.reset)

    def pause_writing(self) -> None:
        self.incoming.set_sink_is_full(True)

    def resume_writing(self) -> None:
        self.incoming.set_sink_is_full(False)


class Pipe:
    """One direction: what its source receives, its sink sends `delay_s()` later, and never out of order.

    A piece that comes before `open_s` is delayed as if it came then: a peer must wait for the answer to its SYN.
    """

    def __init__(
        self, source: End, sink: End, timetable: Timetable, delay_s: Callable[[], float], open_s: float
    ) -> None:
        self._source = source
        self._sink = sink
        self._timetable = timetable
        self._delay_s = delay_s
        self._open_s = open_s
        self._due_s = 0.0  # of the last delayed action
        self._arrived: deque[tuple[Callable[[End], None], int]] = deque()  # before the sink was connected
        self._held_bytes = 0
        self._sink_is_full = self._paused = False
        source.outgoing = self
        sink.incoming = self

    def schedule(self, action: Callable[[End], None], size: int = 0) -> None:
        """Have the sink do something after the delay. size: how many bytes are held until then."""
        self._held_bytes += size
        delay_s = self._delay_s()
        if delay_s or self._due_s:
            self._due_s = max(self._due_s, max(perf_counter(), self._open_s) + delay_s)
            self._timetable.call_at(self._due_s, partial(self.deliver, action, size))
            self._limit_flow()
        else:
            self.deliver(action, size)

    def open(self) -> None:
        """Deliver everything that has arrived, now that the sink is connected."""
        while self._arrived:
            self.deliver(*self._arrived.popleft())

    def deliver(self, action: Callable[[End], None], size: int = 0) -> None:
        """Have the sink do something now, or as soon as it is connected."""
        if self._sink.transport is None:
            self._arrived.append((action, size))
        else:
            self._held_bytes -= size
            if not self._sink.is_gone:
                with suppress(OSError):  # reset by its peer in this turn of the loop, which has not noticed it yet
                    action(self._sink)
        self._limit_flow()

    def set_sink_is_full(self, sink_is_full: bool) -> None:
        """Note whether the sink accepts more, and limit the flow accordingly."""
        self._sink_is_full = sink_is_full
        self._limit_flow()

    def _limit_flow(self) -> None:
        """Read from the source, or leave it waiting while too much is in flight or the sink accepts no more."""
        must_pause = self._sink_is_full or self._held_bytes > HELD_BYTES
        if must_pause != self._paused and self._source.transport is not None and not self._source.is_gone:
            self._paused = must_pause
            if must_pause:
                self._source.transport.pause_reading()
            else:
                self._source.transport.resume_reading()
