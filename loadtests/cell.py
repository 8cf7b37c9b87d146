"""One transport, measured once: from samples and readings to a row of `cells.csv` and the rows of its deliveries.

Teaches that every figure names its window. Requests, bytes and CPU time are the servers' between two readings;
messages and deliveries are those meant to be sent between the same two moments, whenever they arrived. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from loadtests.accounting import Account, account
from loadtests.samples import Samples, Sent
from loadtests.scenarios import Planned
from loadtests.server_probe import Reading
from loadtests.verdict import Health, Verdict, judge, percentile
from servers.transports import Transport

Key = tuple[str, str, str, int]


class Delivery(NamedTuple):
    """One row of `deliveries.csv.gz`; the fields are its columns."""

    scenario: str
    point: str
    transport: str
    repeat: int
    room: str
    seq: int
    recipient: str
    own: bool
    intended_s: float
    sent_s: float
    acked_s: float
    received_s: float


@dataclass(frozen=True, slots=True)
class Cell:
    """figures: by the names of `results.schema.CELLS`. settings: what the server said of itself."""

    planned: Planned
    verdict: Verdict
    figures: dict[str, float | str]
    deliveries: tuple[Delivery, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def transport(self) -> Transport:
        return self.planned.transport

    def number(self, column: str) -> float:
        return float(self.figures[column])

    def per_delivery(self, *columns: str) -> float:
        """Return the sum of some figures per message delivered."""
        return sum(map(self.number, columns)) / self.number("delivered")

    def latency_ms(self, percent: int) -> float:
        """Return a percentile of delivery latency, from when the message was meant to be sent."""
        return 1000 * percentile([row.received_s - row.intended_s for row in self.deliveries], percent)


def make_cell(planned: Planned, samples: Samples, spent: Reading) -> Cell:
    """Put a measurement together, and judge it."""
    workload = planned.workload
    members = dict(enumerate(workload.rooms))
    key = (planned.scenario, workload.point, planned.transport.slug, planned.repeat)
    messages = [row for row in samples.messages() if samples.window.holds(row.intended_s)]
    everything = account(samples.messages(), samples.deliveries(), members)
    measured = account(messages, samples.deliveries(), members)
    slips_s = [row.sent_s - row.intended_s for row in messages]
    health = Health(percentile(samples.lateness_s(), 99), percentile(slips_s, 99))
    verdict = judge(_complaints(samples, everything, measured), health, 1 / workload.rate_per_s)
    figures: dict[str, float | str] = {
        **dict(zip(Delivery._fields, key, strict=False)),
        "verdict": verdict.word,
        "reason": verdict.reason,
        "room_size": workload.room_size,
        **_counts(samples, everything, measured),
        **spent,
        "heartbeat_lag_p99_s": health.heartbeat_lag_s,
        "schedule_slip_p99_s": health.schedule_slip_s,
    }
    return Cell(planned, verdict, figures, tuple(_deliveries(key, samples, messages)))


def _counts(samples: Samples, everything: Account, measured: Account) -> dict[str, float]:
    """Return what the generator counted: in the window, but what voids a run is counted from the first message on."""
    return {
        "users": len(samples.user_ids),
        "measured_s": samples.window.end_s - samples.window.start_s,
        "messages": measured.messages,
        "send_retries": samples.send_retries,
        "send_failures": samples.send_failures,
        "expected": measured.expected,
        "delivered": measured.delivered,
        "lost": everything.lost,
        "duplicates": everything.duplicates,
        "out_of_order": everything.out_of_order,
        "redundant_frames": samples.redundant_frames,
    }


def _complaints(samples: Samples, everything: Account, measured: Account) -> list[str]:
    """Say what voids the cell. A trouble that cost nothing in the end does not."""
    complaints = [everything.complaint]
    if samples.send_failures:
        complaints.append(f"{samples.send_failures} sends were never acknowledged")
    if not measured.messages:
        complaints.append("no message fell into the window: make it longer, or the rate higher")
    if any(complaints):
        complaints += samples.troubles[:3]
    return complaints


def _deliveries(key: Key, samples: Samples, messages: Iterable[Sent]) -> Iterable[Delivery]:
    sent = {(row.room, row.seq): row for row in messages}
    for row in samples.deliveries():
        if message := sent.get((row.room, row.seq)):
            moments = (message.intended_s, message.sent_s, message.acked_s, row.received_s)
            recipient, own = samples.user_ids[row.recipient], row.recipient == message.sender
            yield Delivery(*key, f"room-{row.room}", row.seq, recipient, own, *moments)
