"""How sure a figure is: intervals by bootstrap over the repeats of a measurement.

The deliveries of one repeat share its moment, its seed and its server, so they are not independent: a repeat is what
is drawn again, whole. With as few repeats as a full run has, that interval is simply their whole range, and it holds
the median of all such repeats less often than 95 times in 100: with n repeats with probability 1 - 2^(1 - n), since it
misses only if all fall on the same side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 1


@dataclass(frozen=True, slots=True)
class Interval:
    """A median over repeats, and between which limits it lies; both are the value itself if there is one repeat."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Write the value, and beneath it `low-high` if they differ, each by the format that is asked for."""
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
