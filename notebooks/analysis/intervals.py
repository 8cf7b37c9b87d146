"""Confidence intervals by bootstrap over the repeats of a measurement.

The deliveries of one repeat share its time, its seed and its server, so they are not independent: whole repeats are
resampled. With as few repeats as a full run has, the interval is their whole range, and its coverage is below 95 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 1


def coverage(repeats: int) -> Fraction:
    """Return how often the range of so many repeats contains the true median: unless all lie on the same side of it."""
    return 1 - Fraction(1, 2 ** (repeats - 1))


COVERED = f"The true median lies between them in {coverage(3)} of all cases for 3 repeats, in {coverage(5)} for 5."
HOW_TO_READ = f"In parentheses: the lowest and the highest repeat. {COVERED}"


@dataclass(frozen=True, slots=True)
class Interval:
    """A median over repeats, and its limits; with one repeat both limits are the value itself."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Write the value, and below it `low-high` if they differ, each in the format `spec`."""
        limits = f"\n{self.low:{spec}}\N{EN DASH}{self.high:{spec}}" if self.low < self.high else ""
        return f"{self.value:{spec}}{limits}"


def interval(repeats: Sequence[float]) -> Interval:
    """Return the median of what the repeats measured, and its percentile-bootstrap interval, nominally of 95 %.

    Raises ValueError without repeats.
    """
    if not len(repeats):
        raise ValueError("interval: expected at least one repeat")
    value = float(np.median(repeats))
    if len(set(repeats)) == 1:
        return Interval(value, value, value)
    measured = np.asarray(repeats)
    drawn = np.random.default_rng(SEED).integers(0, len(measured), (RESAMPLES, len(measured)))
    medians = np.median(measured[drawn], axis=1)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value, float(low), float(high))
