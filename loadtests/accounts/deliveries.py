"""Who got what, and when: deeds, events and deliveries put together, as rows of a run's tables.

Teaches that a delivery has two ends. What the sender noted and what the recipient noted meet at the event's place in
its room's log, whatever the transport in between; and how many deliveries were due follows from who was there. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import nan
from typing import NamedTuple

from loadtests.accounts.accounting import Place, account
from loadtests.accounts.samples import KINDS, STAYS, Samples, Sent
from loadtests.accounts.truth import true_until_ms
from loadtests.accounts.verdict import percentile
from loadtests.scenarios import Key
from results.schema import PERCENTS
from servers.core.wire import Kind


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


class KindCount(NamedTuple):
    """One row of `kinds.csv`; the fields are its columns."""

    scenario: str
    point: str
    transport: str
    repeat: int
    kind: str
    deeds: int
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


def resolved(samples: Samples) -> list[Sent]:
    """Return the deeds, each with the seq of its event; 0 if there was none, or if nobody was there to see it.

    Who comes, or hangs up, is not told the seq: it is that of the presence event which the others saw next.
    """
    deeds = list(samples.deeds())
    acknowledged = {(row.room, row.seq) for row in deeds}
    presence: defaultdict[Place, list[int]] = defaultdict(list)
    for event in sorted(samples.log(), key=lambda event: event.seq):
        if KINDS[event.kind] is Kind.PRESENCE and (event.room, event.seq) not in acknowledged:
            presence[event.room, event.sender].append(event.seq)
    left: dict[int, int] = {}
    return [
        _resolve(row, presence[row.room, row.sender], left) if KINDS[row.kind] is Kind.PRESENCE else row
        for row in deeds
    ]


def _resolve(row: Sent, seqs: Sequence[int], left: dict[int, int]) -> Sent:
    """Return a coming or a going with its seq. left: after which event those who are away went; kept up to date."""
    if row.sender in left:
        since = left.pop(row.sender)
        return row._replace(seq=max((seq for seq in seqs if since < seq <= -row.seq), default=0))
    seq = row.seq if row.seq > 0 else min((seq for seq in seqs if seq > -row.seq), default=0)
    left[row.sender] = seq or -row.seq
    return row._replace(seq=seq)


class Departure(NamedTuple):
    """One going: after which event of the room it was read no more, and which event says that they are gone."""

    room: int
    read: int
    gone: int


def departures(samples: Samples, everything: Iterable[Sent]) -> list[Departure]:
    """Return the goings whose event is known. everything: the resolved deeds; each stay but the last ends with one."""
    presence: defaultdict[int, list[Sent]] = defaultdict(list)
    for row in everything:
        if KINDS[row.kind] is Kind.PRESENCE:
            presence[row.sender].append(row)
    goings = {(user, number): row.seq for user, rows in presence.items() for number, row in enumerate(rows[::2])}
    return [
        Departure(stay.room, stay.end, gone)
        for stay in samples.sessions
        if stay.end != STAYS and (gone := goings.get((stay.user, stay.number), 0))
    ]


def deliveries(key: Key, samples: Samples, deeds: Sequence[Sent]) -> Iterator[Delivery]:
    """Yield a row for every delivery of an event that one of these deeds caused, and whose two ends share a clock."""
    until_ms = true_until_ms(samples.log())
    caused = {(row.room, row.seq): row for row in deeds}
    for row in samples.deliveries():
        deed = caused.get((row.room, row.seq))
        if deed and samples.share_a_clock(deed.sender, row.recipient):
            received_ms = 1000 * (row.received_s + samples.wall_clock_s)
            yield Delivery(
                *key,
                KINDS[deed.kind],
                f"room-{row.room}",
                row.seq,
                samples.user_ids[row.recipient],
                row.recipient == deed.sender,
                received_ms < until_ms[row.room, row.seq],
                deed.intended_s,
                deed.sent_s,
                deed.acked_s,
                row.received_s,
            )


def count_kinds(
    key: Key, samples: Samples, deeds: Sequence[Sent], rows: Sequence[Delivery], left: Sequence[Departure]
) -> Iterator[KindCount]:
    """Yield what became of each kind of deed that was done, and of messages in any case."""
    for kind in Kind:
        done = [row for row in deeds if KINDS[row.kind] is kind]
        if not done and kind is not Kind.MESSAGE:
            continue
        places = {(row.room, row.seq) for row in done if row.seq}
        due = account(places, samples.deliveries(), samples.sessions)
        came = [row for row in rows if row.kind == kind]
        latencies_s = [row.received_s - row.intended_s for row in came]
        yield KindCount(
            *key,
            kind,
            len(done),
            due.events,
            due.expected,
            due.delivered,
            sum(one.room == room and one.read < seq < one.gone for room, seq in places for one in left),
            sum(row.still_true for row in came),
            *_spread(latencies_s),
        )


def _spread(latencies_s: Sequence[float]) -> tuple[float, ...]:
    """Return the fastest, the percentiles and the slowest; nan where nothing came."""
    shares = (percentile(latencies_s, percent) for percent in PERCENTS)
    return min(latencies_s, default=nan), *shares, max(latencies_s, default=nan)
