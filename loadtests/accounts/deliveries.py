"""Who got what, and when: actions, events and deliveries put together, as rows of a run's table of deliveries.

Teaches that the sender's record and the recipient's meet at the event's place in its room's log. And that most events
are true for a while only: a typing notice expires, and a newer event of the same person replaces the one before. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

from loadtests.accounts.accounting import Place
from loadtests.accounts.rows import KINDS, LogEntry, Sent
from loadtests.accounts.samples import Samples
from loadtests.scenarios import Key
from servers.core.wire import Kind


def true_until_ms(log: Iterable[LogEntry]) -> dict[Place, float]:
    """Return for each event the moment, on the wall clock, until which it is true; infinity for a message.

    That is when it expires, or when the next event of the same kind by the same sender was committed. An event that
    ends a notice has its own moment as its expiry, for clients that show notices; but that the notice ended stays true.
    """
    until_ms: dict[Place, float] = {}
    states: defaultdict[tuple[int, int, int], list[LogEntry]] = defaultdict(list)
    for event in log:
        until_ms[event.room, event.seq] = event.expires_at_ms if event.expires_at_ms > event.at_ms else inf
        if KINDS[event.kind] is not Kind.MESSAGE:
            states[event.room, event.sender, event.kind].append(event)
    for events in states.values():
        events.sort(key=lambda event: event.seq)
        for event, following in pairwise(events):
            place = (event.room, event.seq)
            until_ms[place] = min(until_ms[place], following.at_ms)
    return until_ms


class Delivery(NamedTuple):
    """One row of `deliveries.csv.gz`; the fields are its columns."""

    scenario: str
    point: str
    transport: str
    repeat: int
    kind: str
    room: str
    seq: int
    recipient: str
    own: bool
    still_true: bool
    intended_s: float
    sent_s: float
    acked_s: float
    received_s: float


def resolved(samples: Samples) -> list[Sent]:
    """Return the actions, each with the seq of its event; 0 if there was none, or if nobody was there to see it.

    A user who joins, or closes a connection without a request, does not learn the seq: it is that of the presence event
    which the others saw next.
    """
    actions = list(samples.actions())
    acknowledged = {(row.room, row.seq) for row in actions}
    presence: defaultdict[Place, list[int]] = defaultdict(list)
    for event in sorted(samples.log(), key=lambda event: event.seq):
        if KINDS[event.kind] is Kind.PRESENCE and (event.room, event.seq) not in acknowledged:
            presence[event.room, event.sender].append(event.seq)
    found, left_after = [], dict[int, int]()  # the second: after which event each user left who is away now
    for row in actions:
        seqs = presence[row.room, row.sender]
        if KINDS[row.kind] is not Kind.PRESENCE:
            found.append(row)
        elif row.sender in left_after:
            found.append(_resolved_join(row, seqs, left_after.pop(row.sender)))
        else:
            found.append(leave := _resolved_leave(row, seqs))
            left_after[row.sender] = leave.seq or -row.seq
    return found


def _resolved_leave(row: Sent, seqs: Sequence[int]) -> Sent:
    """Return a leave with its seq: the one that was acknowledged, or the next after the last event that was read."""
    return row if row.seq > 0 else row._replace(seq=min((seq for seq in seqs if seq > -row.seq), default=0))


def _resolved_join(row: Sent, seqs: Sequence[int], left_after: int) -> Sent:
    """Return a join with its seq: the last one between the user's leave and the head at which the session began."""
    return row._replace(seq=max((seq for seq in seqs if left_after < seq <= -row.seq), default=0))


def deliveries(key: Key, samples: Samples, actions: Sequence[Sent]) -> Iterator[Delivery]:
    """Yield a row for every delivery of an event that one of these actions caused."""
    until_ms = true_until_ms(samples.log())
    caused = {(row.room, row.seq): row for row in actions}
    for row in samples.deliveries():
        action = caused.get((row.room, row.seq))
        if action:
            received_ms = 1000 * (row.received_s + samples.wall_clock_s)
            yield Delivery(
                *key,
                KINDS[action.kind],
                f"room-{row.room}",
                row.seq,
                samples.user_ids[row.recipient],
                row.recipient == action.sender,
                received_ms < until_ms[row.room, row.seq],
                action.intended_s,
                action.sent_s,
                action.acked_s,
                row.received_s,
            )
