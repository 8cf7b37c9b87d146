"""The outcome of a load: how many deliveries were due, how many came, and how late, for each kind of event.

Teaches that presence decides how many deliveries are due: an event is due to everyone in its room. Counts
and latencies are of the measuring window; whether everything adds up is judged from the first event on. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from loadtests.accounts.accounting import DeliveryAccount, Place, account
from loadtests.accounts.deliveries import Delivery, deliveries, resolved
from loadtests.accounts.rows import KINDS, TO_THE_END, Sent
from loadtests.accounts.samples import Samples
from loadtests.accounts.verdict import percentile
from loadtests.scenarios import Key
from results.schema import PERCENTS
from servers.core.wire import Kind


class KindCount(NamedTuple):
    """One row of `kinds.csv`; the fields are its columns."""

    scenario: str
    point: str
    transport: str
    repeat: int
    kind: str
    actions: int
    events: int
    expected: int
    delivered: int
    missed_by_leaving: int
    still_true: int
    latency_min_s: float
    latency_p1_s: float
    latency_p5_s: float
    latency_p10_s: float
    latency_p25_s: float
    latency_p50_s: float
    latency_p75_s: float
    latency_p90_s: float
    latency_p95_s: float
    latency_p99_s: float
    latency_max_s: float


class Departure(NamedTuple):
    """A user who left: the last event of the room that they read, and the event by which they were gone."""

    room: int
    read: int
    gone: int

    def missed(self, place: Place) -> bool:
        """Whether the user was still in the room for this event, but left without it."""
        return place[0] == self.room and self.read < place[1] < self.gone


@dataclass(frozen=True, slots=True)
class Tally:
    """actions, deliveries, kinds: of the window. whole: the account of the whole test."""

    actions: list[Sent]
    deliveries: tuple[Delivery, ...]
    kinds: tuple[KindCount, ...]
    whole: DeliveryAccount


def tally(key: Key, samples: Samples) -> Tally:
    """Return what a cell's samples add up to."""
    everything = resolved(samples)  # the actions, each with its seq
    actions = [row for row in everything if samples.window.contains(row.intended_s)]
    committed = {(row.room, row.seq) for row in everything if row.seq}
    committed |= {(row.room, row.seq) for row in samples.logged}
    rows = tuple(deliveries(key, samples, actions))
    kinds = tuple(count_kinds(key, samples, actions, rows, departures(samples, everything)))
    return Tally(actions, rows, kinds, account(committed, samples.received, samples.sessions))


def departures(samples: Samples, everything: Iterable[Sent]) -> list[Departure]:
    """Return the departures whose event is known. everything: all resolved actions.

    Everybody has joined before the load begins. So of a user's joins and leaves the first is a leave, which ends the
    user's first session, and they alternate.
    """
    presence: defaultdict[int, list[Sent]] = defaultdict(list)
    for row in everything:
        if KINDS[row.kind] is Kind.PRESENCE:
            presence[row.sender].append(row)
    found = []
    for session in samples.sessions:
        leaves = presence[session.user][::2]
        if session.end != TO_THE_END and session.number < len(leaves) and leaves[session.number].seq:
            found.append(Departure(session.room, session.end, leaves[session.number].seq))
    return found


def count_kinds(
    key: Key, samples: Samples, actions: Sequence[Sent], rows: Sequence[Delivery], departed: Sequence[Departure]
) -> Iterator[KindCount]:
    """Yield the counts of each kind that there were actions of, and of messages in any case."""
    for kind in Kind:
        of_kind = [row for row in actions if KINDS[row.kind] is kind]
        if not of_kind and kind is not Kind.MESSAGE:
            continue
        places = {(row.room, row.seq) for row in of_kind if row.seq}
        due = account(places, samples.received, samples.sessions)
        came = [row for row in rows if row.kind == kind]
        latencies_s = [row.received_s - row.intended_s for row in came]
        percentiles_s = (percentile(latencies_s, percent) for percent in PERCENTS)
        spread_s: tuple[float, ...] = (min(latencies_s, default=nan), *percentiles_s, max(latencies_s, default=nan))
        yield KindCount(
            *key,
            kind,
            len(of_kind),
            due.events,
            due.expected,
            due.delivered,
            sum(departure.missed(place) for place in places for departure in departed),
            sum(row.still_true for row in came),
            *spread_s,
        )
