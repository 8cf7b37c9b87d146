"""Who received which event, and when: actions, events and deliveries joined to the rows of a run's `deliveries.csv.gz`.

Teaches that room and seq join the sender's record to the recipient's. And that most events are true for a while only: a
typing notice expires, and a newer event of the same person replaces the one before. Pure.
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

    An event is true until it expires, or until the next event of the same kind by the same sender was committed. An
    event that ends a typing notice expires at its own moment, so that clients hide the notice at once; that expiry does
    not count here, since the event stays true: the user no longer types.
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

    A user who joins, or who leaves by closing the connection, does not learn the seq. It is then the seq of the user's
    next presence event, which others received.
    """
    actions = samples.sent
    acknowledged = {(row.room, row.seq) for row in actions}
    presence: defaultdict[Place, list[int]] = defaultdict(list)
    for event in sorted(samples.logged, key=lambda event: event.seq):
        if KINDS[event.kind] is Kind.PRESENCE and (event.room, event.seq) not in acknowledged:
            presence[event.room, event.sender].append(event.seq)
    found = []
    left_after: dict[int, int] = {}  # of each user who is away: the seq of the leave
    for row in actions:
        seqs = presence[row.room, row.sender]
        if KINDS[row.kind] is not Kind.PRESENCE:
            found.append(row)
        elif row.sender in left_after:
            found.append(_resolved_join(row, seqs, left_after.pop(row.sender)))
        else:
            leave = _resolved_leave(row, seqs)
            left_after[row.sender] = leave.seq or -row.seq
            found.append(leave)
    return found


def _resolved_leave(row: Sent, seqs: Sequence[int]) -> Sent:
    """Return a leave with its seq: the acknowledged seq, or the first of `seqs` after the last event that was read."""
    return row if row.seq > 0 else row._replace(seq=min((seq for seq in seqs if seq > -row.seq), default=0))


def _resolved_join(row: Sent, seqs: Sequence[int], left_after: int) -> Sent:
    """Return a join with its seq: the last of `seqs` between the user's leave and the head at which the session began.

    The row has that head as a negative number, see `Sent`.
    """
    return row._replace(seq=max((seq for seq in seqs if left_after < seq <= -row.seq), default=0))


def deliveries(key: Key, samples: Samples, actions: Sequence[Sent]) -> Iterator[Delivery]:
    """Yield a row for every delivery of an event that one of these actions caused."""
    until_ms = true_until_ms(samples.logged)
    caused = {(row.room, row.seq): row for row in actions}
    for row in samples.received:
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
