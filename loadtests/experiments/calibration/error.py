"""The load generator's own error: what it reports, less what the stub is known to have done.

Teaches which part of a latency is the instrument's. A reported latency runs from the intended moment to the recipient's
inbox; the stub held the message for a part of that, and recorded both ends. All the rest is the error: sending late,
the way there, the way back, noticing late. Loopback and the stub's own reading are in it, so it is an upper bound.
Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loadtests.accounts.deliveries import Delivery
from loadtests.accounts.verdict import percentile
from loadtests.experiments.calibration.stub_log import StubLog, delay_ms


@dataclass(frozen=True, slots=True)
class Error:
    """The error of some deliveries, in ms: of half of them it was above p50, of one in a hundred above p99."""

    n: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Row:
    """The error under one load. by_delay: for each of the stub's delays. verdict: of the measurement itself."""

    transport: str
    users: int
    verdict: str
    overall: Error
    by_delay: Mapping[str, Error]


def errors_ms(deliveries: Iterable[Delivery], log: StubLog, delays_ms: Sequence[float]) -> dict[float, list[float]]:
    """Return the error of each delivery, by its room's delay; raises KeyError for one that the stub did not make."""
    arrived_s = {(room, seq): moment_s for room, seq, moment_s in log.arrived}
    handed_out_s = {(room, seq, user): moment_s for room, seq, user, moment_s in log.handed_out}
    errors: dict[float, list[float]] = {delay: [] for delay in sorted(delays_ms)}
    for row in deliveries:
        held_s = handed_out_s[row.room, row.seq, row.recipient] - arrived_s[row.room, row.seq]
        errors[delay_ms(row.room, delays_ms)].append(1000 * (row.received_s - row.intended_s - held_s))
    return errors


def error_of(errors: Sequence[float]) -> Error:
    """Sum up the errors of some deliveries; nan without any."""
    return Error(len(errors), percentile(errors, 50), percentile(errors, 99))


def row_of(transport: str, users: int, verdict: str, errors: Mapping[float, Sequence[float]]) -> Row:
    """Sum up one load, all delays together and each by itself."""
    by_delay = {f"{delay:g}": error_of(some) for delay, some in errors.items() if some}
    return Row(transport, users, verdict, error_of([each for some in errors.values() for each in some]), by_delay)
