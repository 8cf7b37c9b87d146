"""How sure a figure is: confidence intervals by bootstrap over the repeats of a measurement.

The deliveries of one repeat share its moment, its seed and its server, so they are not independent: a repeat is what
is drawn again, whole. With the three to five repeats of a full run an interval is coarse, and honest about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

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
    """Return the median of what the repeats measured, and its 95 % percentile-bootstrap interval.

    Raises ValueError without repeats.
    """
    if not len(repeats):
        raise ValueError("interval: expected at least one repeat")
    value = float(np.median(repeats))
    if len(set(repeats)) == 1:
        return Interval(value, value, value)
    found = stats.bootstrap(
        (np.asarray(repeats),),
        np.median,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Interval(value, float(found.low), float(found.high))
