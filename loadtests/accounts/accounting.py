"""Do the deliveries add up? Every event of a room, to everyone who is in it, exactly once, in order.

Teaches that a latency is worth nothing if the slowest deliveries are missing from it: a run that lost a message is
void, however fast it was. A user's stay is judged by itself: who comes back owes nothing for what they missed. Pure:
rows go in, counts come out.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from loadtests.accounts.samples import Received, Session

Place = tuple[int, int]
"""Room and seq of an event."""


@dataclass(frozen=True, slots=True)
class Account:
    """What was due and what came. delivered counts no duplicates; out_of_order: given out after a later event."""

    events: int
    expected: int
    delivered: int
    lost: int
    duplicates: int
    out_of_order: int

    @property
    def complaint(self) -> str:
        """Say what does not add up; empty when all does."""
        wrongs = {"lost": self.lost, "delivered twice": self.duplicates, "out of order": self.out_of_order}
        told = [f"{count:,} {what}" for what, count in wrongs.items() if count]
        return f"of {self.expected:,} deliveries: {', '.join(told)}" if told else ""


def account(events: Iterable[Place], received: Iterable[Received], sessions: Iterable[Session]) -> Account:
    """Compare what was committed with what came, session by session. Deliveries of other events are left out.

    An event is due in every session that covers it, its sender's included. `received` must be in the order in which
    inboxes gave the events out.
    """
    seqs_of_room: defaultdict[int, set[int]] = defaultdict(set)
    for room, seq in events:
        seqs_of_room[room].add(seq)
    came: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row in received:
        if row.seq in seqs_of_room[row.room]:
            came[row.recipient, row.session].append(row.seq)
    expected = delivered = duplicates = out_of_order = 0
    for session in sessions:
        due = {seq for seq in seqs_of_room[session.room] if session.covers(seq)}
        seqs = came[session.user, session.number]
        expected += len(due)
        delivered += len(due.intersection(seqs))
        duplicates += len(seqs) - len(set(seqs))
        out_of_order += _out_of_order(seqs)
    total = sum(map(len, seqs_of_room.values()))
    return Account(total, expected, delivered, expected - delivered, duplicates, out_of_order)


def _out_of_order(seqs: Iterable[int]) -> int:
    """Count those that came after a later one, each once."""
    known: set[int] = set()
    newest = count = 0
    for seq in seqs:
        count += seq not in known and seq < newest
        known.add(seq)
        newest = max(newest, seq)
    return count
