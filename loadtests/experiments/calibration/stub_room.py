"""A room of the stub: holds each message for exactly as long as it is set to, then hands it to everyone at once.

Teaches what precision costs: an event loop's timer is good to about a millisecond, so this one is set early and the
rest is spent in a busy loop. All processes of one machine share the monotonic clock, so the moments that the stub
records and the load generator's lie on one axis.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Protocol

import msgspec

from servers.core.wire import Ack, Cursor, Event, Head, Kind, Page, Send, Snapshot, encode

EPOCH = "stub"
SPIN_S = 0.002  # a timer may be late by so much: for the last part of the wait the event loop polls
LEASE_S = 30.0


class StubLog(msgspec.Struct):
    """When each message came and went, in seconds of the monotonic clock.

    arrived: room, seq, when it had been read. handed_out: room, seq, user, just before it was written to the socket.
    """

    arrived: list[tuple[str, int, float]] = []
    handed_out: list[tuple[str, int, str, float]] = []

    def write(self, path: Path) -> None:
        path.write_bytes(msgspec.msgpack.encode(self))

    @classmethod
    def read(cls, path: Path) -> "StubLog":
        return msgspec.msgpack.decode(path.read_bytes(), type=cls)


def delay_ms(room: str, delays_ms: Sequence[float]) -> float:
    """Return for how long a room's messages are held: `room-0` has the first delay, `room-1` the next, and so on."""
    return delays_ms[int(room.rpartition("-")[2]) % len(delays_ms)]


class Listener(Protocol):
    """What gets each message at once: an open socket, or a poll that is held."""

    def deliver(self, page: Page, encoded: bytes) -> None: ...


class StubRoom:
    """A room that holds each message for `delay_s` after its arrival, then hands it to everyone."""

    def __init__(self, name: str, delay_s: float, log: StubLog) -> None:
        self.name = name
        self.listeners: set[Listener] = set()
        self._delay_s = delay_s
        self._log = log
        self._events: list[Event] = []
        self._held: deque[tuple[float, Event]] = deque()

    def send(self, message: Send, sender: str, arrived_s: float) -> Ack:
        """Accept a message; it is handed out later, never before the acknowledgement."""
        seq = len(self._events) + len(self._held) + 1
        self._log.arrived.append((self.name, seq, arrived_s))
        event = Event(self.name, seq, Kind.MESSAGE, sender, sender, message.text, 0, message.client_id)
        self._held.append((arrived_s + self._delay_s, event))
        if len(self._held) == 1:  # while messages are held, the next turn is scheduled
            asyncio.get_running_loop().call_soon(self._release)
        return Ack(ref=message.ref, seq=seq)

    def after(self, seq: int) -> Page:
        """Return what has been handed out so far beyond `seq`."""
        return Page(EPOCH, seq, len(self._events), tuple(self._events[seq:]))

    def snapshot(self) -> Snapshot:
        return Snapshot(EPOCH, len(self._events), LEASE_S, (), {}, ())

    def head(self) -> Head:
        return Head(EPOCH, len(self._events))

    def record(self, page: Page, user: str) -> None:
        """Record that a page is being handed to somebody, now."""
        now_s = perf_counter()
        self._log.handed_out += [(self.name, event.seq, user, now_s) for event in page.events]

    def _release(self) -> None:
        """Hand out what is due, and schedule the next turn; in order, since all are held for the same time."""
        while self._held and (left_s := self._held[0][0] - perf_counter()) <= 0:
            self._events.append(self._held.popleft()[1])
            page = self.after(len(self._events) - 1)
            encoded = encode(page)
            for listener in tuple(self.listeners):
                listener.deliver(page, encoded)
        if self._held:
            loop = asyncio.get_running_loop()
            if left_s > SPIN_S:
                loop.call_later(left_s - SPIN_S, self._release)
            else:
                loop.call_soon(self._release)


class StubRooms(dict[str, StubRoom]):
    """All rooms by name; each is made when it is first used."""

    def __init__(self, delays_ms: Sequence[float]) -> None:
        self.log = StubLog()
        self._delays_ms = delays_ms

    def __missing__(self, name: str) -> StubRoom:
        room = self[name] = StubRoom(name, delay_ms(name, self._delays_ms) / 1000, self.log)
        return room


def parse_after(query: str) -> int:
    """Return the sequence number in a poll's `after=<epoch>.<seq>&connection=...`."""
    return Cursor.parse(query.partition("&")[0].removeprefix("after=")).seq
