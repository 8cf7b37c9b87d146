"""The rows of which samples consist: actions, deliveries, events, sessions and requests.

A field that ends in `_s` is a moment, in seconds of the monotonic clock that all processes of a machine share. Pure.
"""

from typing import NamedTuple

from servers.core.wire import Kind

KINDS = tuple(Kind)
"""A row has a kind as its index here."""

TO_THE_END = -1
"""The end of a session that lasts as long as the test."""

OPENING = "open"
"""The name of a request that opens a connection, or tries to."""


class Window(NamedTuple):
    """The measuring window, in seconds of the monotonic clock."""

    start_s: float
    end_s: float

    def contains(self, moment_s: float) -> bool:
        return self.start_s <= moment_s < self.end_s


class Sent(NamedTuple):
    """An acknowledged action. Room and sender are numbers.

    seq: 0 if the action changed nothing, such as a receipt for events that had been read. A user who joins, or who
    leaves by closing the connection, does not learn the event's seq. Then it is minus the room's head at joining, or
    minus the last seq that was read before leaving.
    """

    room: int
    seq: int
    sender: int
    kind: int
    intended_s: float
    sent_s: float
    acked_s: float


class Received(NamedTuple):
    """One delivery: when the recipient's inbox gave the event out, in which of their sessions."""

    room: int
    seq: int
    recipient: int
    session: int
    received_s: float


class LogEntry(NamedTuple):
    """An event of a room's log. expires_at_ms: 0 if it does not expire.

    at_ms: the server's wall clock at commit. sender: -1 for somebody who is not of this process.
    """

    room: int
    seq: int
    kind: int
    sender: int
    at_ms: int
    expires_at_ms: int


class Handshake(NamedTuple):
    """A TLS handshake of a user: its bytes, both ways, how long it took, and whether it resumed an earlier session.

    carried: nan where the kernel does not count; without the tickets for later sessions, which the server sends after
    it (RFC 8446 section 4.6.1).
    """

    carried: float
    took_us: int
    resumed: bool


class Session(NamedTuple):
    """One stay of a user in their room, numbered from 0: after seq `start`, up to and including seq `end`."""

    room: int
    user: int
    number: int
    start: int
    end: int = TO_THE_END

    def covers(self, seq: int) -> bool:
        return self.start < seq and (self.end == TO_THE_END or seq <= self.end)


class Reconnection(NamedTuple):
    """A user whose connection broke, and who resumed: when they noticed, when they were back, after how many tries."""

    user: int
    broken_s: float
    back_s: float
    attempts: int


class Request(NamedTuple):
    """A request over HTTP, by its method and name, or OPENING: all requests that open a connection."""

    user: int
    name: str
    begun_s: float
    ended_s: float
    succeeded: bool
