"""Check that the deliveries add up: every event of a room reached everyone in the room, exactly once and in order.

Teaches that a latency is worth nothing if the slowest deliveries are missing from it: a run that lost a message is
void. Each session of a user is judged by itself: events that were committed between two sessions are not due. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from loadtests.accounts.rows import Received, Session

Place = tuple[int, int]
"""Room and seq of an event."""


class Repeats(NamedTuple):
    """duplicates: events that had come before; out_of_order: new ones that came after a later one."""

    duplicates: int
    out_of_order: int


class DuplicateDetector:
    """Finds the events of one session that came again, or after a later event."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._newest = 0

    def add(self, seqs: Iterable[int]) -> Repeats:
        """Add the sequence numbers of some events, in the order in which they came; return what is wrong with them."""
        duplicates = out_of_order = 0
        for seq in seqs:
            if seq in self._known:
                duplicates += 1
            elif seq < self._newest:
                out_of_order += 1
            self._known.add(seq)
            self._newest = max(self._newest, seq)
        return Repeats(duplicates, out_of_order)


@dataclass(frozen=True, slots=True)
class DeliveryAccount:
    """What was due and what came. delivered counts no duplicates; out_of_order: given out after a later event."""

    events: int
    expected: int
    delivered: int
    duplicates: int
    out_of_order: int

    @property
    def lost(self) -> int:
        return self.expected - self.delivered

    @property
    def complaint(self) -> str:
        """Return what does not add up; empty when all does."""
        errors = {"lost": self.lost, "delivered twice": self.duplicates, "out of order": self.out_of_order}
        counts = [f"{count:,} {what}" for what, count in errors.items() if count]
        return f"of {self.expected:,} deliveries: {', '.join(counts)}" if counts else ""


def account(events: Iterable[Place], received: Iterable[Received], sessions: Iterable[Session]) -> DeliveryAccount:
    """Compare what was committed with what came, session by session. Deliveries of other events are left out.

    An event is due in every session that covers it, its sender's included. `received` must be in the order in which
    inboxes gave the events out.
    """
    seqs_of_room: defaultdict[int, set[int]] = defaultdict(set)
    for room, seq in events:
        seqs_of_room[room].add(seq)
    seqs_of_session: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row in received:
        if row.seq in seqs_of_room[row.room]:
            seqs_of_session[row.recipient, row.session].append(row.seq)
    expected = delivered = duplicates = out_of_order = 0
    for session in sessions:
        due = {seq for seq in seqs_of_room[session.room] if session.covers(seq)}
        seqs = seqs_of_session[session.user, session.number]
        repeats = DuplicateDetector().add(seqs)
        expected += len(due)
        delivered += len(due.intersection(seqs))
        duplicates += repeats.duplicates
        out_of_order += repeats.out_of_order
    return DeliveryAccount(sum(map(len, seqs_of_room.values())), expected, delivered, duplicates, out_of_order)
