"""What the load generator noted down: a row for all that was done, seen and delivered, packed like an array.

Teaches why Locust's own statistics are not enough for an analysis: they round 102.3 ms to 100. Noting a row down costs
a microsecond, and the file is written once, when the generator quits. Pure: knows nothing of Locust.
"""

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import msgspec

from loadtests.accounts.wire_bytes import ClientBytes
from servers.core.wire import Kind

KINDS = tuple(Kind)
"""A kind is packed as its place here."""

STAYS = -1
"""The end of a session that nobody ended: it lasts as long as the test."""

OPENING = "open"
"""What somebody did who opened a line, or tried to."""


class Window(NamedTuple):
    """The measuring window, in seconds of the monotonic clock."""

    start_s: float
    end_s: float

    def holds(self, moment_s: float) -> bool:
        return self.start_s <= moment_s < self.end_s


class Sent(NamedTuple):
    """An acknowledged deed. Room and sender are numbers, moments are seconds of the monotonic clock.

    seq: 0 if the deed changed nothing, such as a receipt for what had been read. Who comes, or hangs up without
    a word, is not told it: here stands minus the room's head at coming, minus the last seq that was read at going.
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


class Seen(NamedTuple):
    """An event of a room's log, as whoever saw it first read it. expires_at_ms: 0 if it does not expire.

    at_ms: the server's wall clock at commit. sender: -1 for somebody who is not of this test.
    """

    room: int
    seq: int
    kind: int
    sender: int
    at_ms: int
    expires_at_ms: int


class Session(NamedTuple):
    """One stay of a user in their room, from 0: after seq `start`, up to and including seq `end`."""

    room: int
    user: int
    number: int
    start: int
    end: int = STAYS

    def covers(self, seq: int) -> bool:
        return self.start < seq and (self.end == STAYS or seq <= self.end)


class Return(NamedTuple):
    """A user whose line broke, and who resumed: when they noticed, when they were back, how often they had to try."""

    user: int
    broken_s: float
    back_s: float
    attempts: int


class Asked(NamedTuple):
    """What a user did to hear and to be heard: from when to when, and whether it went as expected.

    what: OPENING, all that it takes to have a line; or a question over HTTP, by its method and name.
    """

    user: int

    what: str
    begun_s: float
    ended_s: float
    went_well: bool


class Tick(NamedTuple):
    """One tick of the generator's own 10 ms clock, and how late it came."""

    due_s: float
    late_s: float


SENT = Struct("qqqqddd")
RECEIVED = Struct("qqqqd")
SEEN = Struct("qqqqqq")
TICK = Struct("dd")


class Samples(msgspec.Struct):
    """Everything one generator process noted down.

    wall_clock_s: what to add to the monotonic clock to get the wall clock. user_ids: by user number. send_retries:
    deeds that failed and were tried again; send_failures: those given up, by the moment they were intended.
    redundant_frames: as the inboxes counted them; heard_again, heard_late: see `users.duplicate_detector`, of all.
    offline: place of each event which says that somebody has gone. asked: noted only where lines may break.
    away: when the line broke, by user, of each user who is not back yet.
    client_bytes: what the connections carried; None if this machine cannot count it. troubles: what went wrong.

    Of several processes: ahead_s is by how much this one's clock is ahead of the conductor's; machine_of tells where
    each user is; strangers are the senders of events who are in another process: room, seq, user id.
    """

    window: Window = Window(0.0, 0.0)
    wall_clock_s: float = 0.0
    user_ids: dict[int, str] = {}
    sessions: list[Session] = []
    returns: list[Return] = []
    away: dict[int, float] = {}
    offline: list[tuple[int, int]] = []
    asked: list[Asked] = []
    send_retries: int = 0
    send_failures: int = 0
    redundant_frames: int = 0
    heard_again: int = 0
    heard_late: int = 0
    client_bytes: ClientBytes | None = None
    troubles: list[str] = []
    ahead_s: float = 0.0
    machine_of: dict[int, str] = {}
    strangers: list[tuple[int, int, str]] = []
    sent: bytearray = bytearray()
    received: bytearray = bytearray()
    seen: bytearray = bytearray()
    ticks: bytearray = bytearray()

    def note_sent(self, row: Sent) -> None:
        self.sent += SENT.pack(*row)

    def note_received(self, row: Received) -> None:
        self.received += RECEIVED.pack(*row)

    def note_seen(self, row: Seen) -> None:
        self.seen += SEEN.pack(*row)

    def note_tick(self, row: Tick) -> None:
        self.ticks += TICK.pack(*row)

    def deeds(self) -> Iterator[Sent]:
        """Yield what was acknowledged, in the order of the acknowledgements."""
        return (Sent(*row) for row in SENT.iter_unpack(self.sent))

    def deliveries(self) -> Iterator[Received]:
        """Yield the deliveries, in the order in which the inboxes gave them out."""
        return (Received(*row) for row in RECEIVED.iter_unpack(self.received))

    def log(self) -> Iterator[Seen]:
        """Yield the events that anybody saw, each once, in the order in which they were seen first."""
        return (Seen(*row) for row in SEEN.iter_unpack(self.seen))

    def lateness_s(self) -> list[float]:
        """Return how late the generator's ticks came."""
        return [late_s for _, late_s in TICK.iter_unpack(self.ticks)]

    def returns_of_window(self) -> list[Return]:
        """Return the returns of those whose line broke in the window, whenever they were back."""
        return [row for row in self.returns if self.window.holds(row.broken_s)]

    def away_of_window(self) -> list[int]:
        """Return the users whose line broke before the end of the window and who are not back yet."""
        return [user for user, broken_s in self.away.items() if broken_s < self.window.end_s]

    def share_a_clock(self, one: int, other: int) -> bool:
        """Tell whether two users are on one machine, so that what passes between them can be timed."""
        return self.machine_of.get(one) == self.machine_of.get(other)

    def moved(self) -> "Samples":
        """Return the same with all moments by the conductor's clock."""
        if not self.ahead_s:
            return self
        back_s = -self.ahead_s
        moved = msgspec.structs.replace(
            self,
            ahead_s=0.0,
            window=Window(*(moment_s + back_s for moment_s in self.window)),
            wall_clock_s=self.wall_clock_s + self.ahead_s,
            returns=[row._replace(broken_s=row.broken_s + back_s, back_s=row.back_s + back_s) for row in self.returns],
            away={user: broken_s + back_s for user, broken_s in self.away.items()},
            asked=[row._replace(begun_s=row.begun_s + back_s, ended_s=row.ended_s + back_s) for row in self.asked],
            sent=bytearray(),
            received=bytearray(),
            ticks=bytearray(),
        )
        for deed in self.deeds():
            moments = (deed.intended_s + back_s, deed.sent_s + back_s, deed.acked_s + back_s)
            moved.note_sent(Sent(*deed[:4], *moments))
        for row in self.deliveries():
            moved.note_received(row._replace(received_s=row.received_s + back_s))
        for due_s, late_s in TICK.iter_unpack(self.ticks):
            moved.note_tick(Tick(due_s + back_s, late_s))
        return moved

    def encoded(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decoded(cls, encoded: bytes) -> "Samples":
        return msgspec.msgpack.decode(encoded, type=cls)

    def write(self, path: Path) -> None:
        path.write_bytes(self.encoded())

    @classmethod
    def read(cls, path: Path) -> "Samples":
        return cls.decoded(path.read_bytes())
