"""The load generator's own error: what it reports, less what the stub is known to have done.

Teaches which latency is nobody's but the instrument's. A reported latency runs from the intended moment to the
recipient's inbox; the stub held the message for a part of that, and noted both ends. All the rest is the error: sending
late, the way there, the way back, noticing late. Nothing is excused: loopback and the stub's own reading are in it, so
it is an upper bound. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtests.accounts.deliveries import Delivery
from loadtests.accounts.verdict import percentile
from loadtests.experiments.calibration.notes import Notes, delay_ms


@dataclass(frozen=True, slots=True)
class Miss:
    """One delivery. delay_ms: as the stub was told; sent_late, there and back add up to the error, in ms."""

    delay_ms: float
    held_ms: float
    sent_late_ms: float
    there_ms: float
    back_ms: float

    @property
    def error_ms(self) -> float:
        return self.sent_late_ms + self.there_ms + self.back_ms


@dataclass(frozen=True, slots=True)
class Error:
    """The error of some deliveries, in ms: half of them were missed by more than p50, one in a hundred by p99."""

    n: int
    p50_ms: float
    p99_ms: float


def misses(deliveries: Iterable[Delivery], notes: Notes, delays_ms: Sequence[float]) -> list[Miss]:
    """Set what the generator noted beside what the stub did; raises KeyError for a delivery the stub never made."""
    arrived = {(room, seq): moment_s for room, seq, moment_s in notes.arrived}
    handed = {(room, seq, user): moment_s for room, seq, user, moment_s in notes.handed}
    return [
        Miss(
            delay_ms(row.room, delays_ms),
            held_ms=1000 * (handed[row.room, row.seq, row.recipient] - arrived[row.room, row.seq]),
            sent_late_ms=1000 * (row.sent_s - row.intended_s),
            there_ms=1000 * (arrived[row.room, row.seq] - row.sent_s),
            back_ms=1000 * (row.received_s - handed[row.room, row.seq, row.recipient]),
        )
        for row in deliveries
    ]


def error_of(some: Sequence[Miss]) -> Error:
    """Sum up some deliveries; nan where there are none."""
    errors = [each.error_ms for each in some]
    return Error(len(errors), percentile(errors, 50), percentile(errors, 99))
