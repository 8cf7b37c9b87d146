"""Whether a measurement may be believed: valid, suspect or void, and why.

Teaches that a load generator must measure itself: its lag would be charged to the server. So a greenlet ticks on an
absolute 10 ms grid, and its lateness is the generator's health. Pure.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import isnan
from statistics import quantiles
from typing import NamedTuple

SUSPECT_S, VOID_S = 0.005, 0.020
"""Lags of the generator at p99, in s. The first is its error in trials with known delays, of a generator that kept up;
beyond the second, what it adds is larger than most latencies of a push."""

BEHIND_S = 0.5
"""How late a sender may be: beyond it, the load is another one than the schedule's."""


class Status(StrEnum):
    VALID = "valid"
    SUSPECT = "suspect"
    VOID = "void"


class Verdict(NamedTuple):
    """adds_up: whether all that was acknowledged came to everyone exactly once; reason: empty when valid."""

    status: Status
    reason: str = ""
    adds_up: bool = True


class Health(NamedTuple):
    """How late the generator was, 99th percentile, in seconds: its own ticks, and its sends (columns of cells.csv)."""

    heartbeat_lag_p99_s: float
    schedule_slip_p99_s: float


def judge(
    complaints: Sequence[str], doubts: Sequence[str], health: Health, mean_gap_s: float, stalls: bool = False
) -> Verdict:
    """Return the verdict on one cell.

    complaints: what does not add up, and so voids it; empty ones are ignored. doubts: what makes it suspect.

    A sender waits for its acknowledgement, so a slow server makes it late: latency counts from the scheduled moment, so
    that is measured, not hidden. But the load that arrives is then a smoother one: beyond BEHIND_S the cell is suspect,
    unless a stall is what the load measures (`stalls`). A sender that is late by the mean gap between its
    messages, `mean_gap_s`, has another load than the scheduled one, which voids the cell.
    """
    lag_s, slip_s = health
    behind = f"sends fell behind their schedule, by {slip_s:.1f} s at p99"
    lag = f"the load generator lagged, by {1000 * lag_s:.1f} ms at p99"
    errors = list(filter(None, complaints))
    voids = _reasons(
        (slip_s > mean_gap_s, behind),
        (isnan(lag_s), "the load generator's own clock recorded nothing"),
        (lag_s > VOID_S, f"{lag} (limit {1000 * VOID_S:g} ms)"),
    )
    suspicions = _reasons(
        (BEHIND_S < slip_s <= mean_gap_s and not stalls, behind),
        (SUSPECT_S < lag_s <= VOID_S, f"{lag} (limit {1000 * SUSPECT_S:g} ms)"),
    )
    reason = "; ".join([*errors, *voids, *doubts, *suspicions])
    if errors or voids:
        return Verdict(Status.VOID, reason, adds_up=not errors)
    return Verdict(Status.SUSPECT, reason) if reason else Verdict(Status.VALID)


def _reasons(*cases: tuple[bool, str]) -> list[str]:
    """Return the reasons of the conditions that are true."""
    return [reason for is_true, reason in cases if is_true]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile from 1 to 99, interpolated as numpy does by default; nan when there are no values."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return quantiles(values, n=100, method="inclusive")[percent - 1]
