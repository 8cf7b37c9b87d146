"""Comparing two servers on one machine: measure them in turns, and compare each turn only with its neighbour.

Teaches why a benchmark is a ratio. The same server varies by a fifth between two runs, because the machine does; both
legs of a pair meet the same machine, so their ratio keeps still. Who goes first alternates. Pure: nothing is started.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

Leg = Callable[[], float]


class Void(RuntimeError):
    """What was measured does not add up (a delivery is missing, doubled or late), so it says nothing."""


class Pair(NamedTuple):
    """Our figure and the baseline's, measured one after the other."""

    ours: float
    baseline: float

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline


class Spread(NamedTuple):
    """Median and range."""

    median: float
    low: float
    high: float


def spread(values: list[float]) -> Spread:
    """Return median and range; raises ValueError without values."""
    if not values:
        raise ValueError("spread: expected at least one value; every pair was void")
    return Spread(median(values), min(values), max(values))


@dataclass(slots=True)
class Pairs:
    """The pairs of one comparison so far, and why others are void."""

    valid: list[Pair] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)

    def measure(self, ours: Leg, baseline: Leg) -> None:
        """Run both legs, the other one first than last time; a leg that raises Void voids the pair."""
        try:
            if (len(self.valid) + len(self.voids)) % 2:
                second = baseline()
                self.valid.append(Pair(ours(), second))
            else:
                first = ours()
                self.valid.append(Pair(first, baseline()))
        except Void as reason:
            self.voids.append(str(reason))

    @property
    def ratios(self) -> list[float]:
        return [pair.ratio for pair in self.valid]

    def told(self, unit: str) -> str:
        """Say the medians behind the ratios."""
        if not self.valid:
            return "nothing valid"
        ours, baseline = median(pair.ours for pair in self.valid), median(pair.baseline for pair in self.valid)
        return f"{digits(ours)} and {digits(baseline)} {unit}".rstrip()


def digits(value: float) -> str:
    """Write a figure with three digits that count, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
