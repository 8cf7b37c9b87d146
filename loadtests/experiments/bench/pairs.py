"""The method of the benchmark: two servers on one machine take turns, and two turns make a pair.

Teaches why a benchmark is a ratio: the same server varies by a fifth between two runs, because the machine does. A turn
(a leg) takes, at full size, about a second of the server's CPU time or more, since the system counts in hundredths of a
second.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from loadtests.users.http_connection import ConnectionLost

Leg = Callable[[], float]


class Void(RuntimeError):
    """What was measured does not add up (a delivery is missing, doubled or late), so it proves nothing."""


@dataclass(slots=True)
class Pairs:
    """The pairs of one comparison so far: our figure, and the baseline's. voids: why other pairs do not count."""

    valid: list[tuple[float, float]] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)

    def measure(self, ours: Leg, baseline: Leg) -> None:
        """Run both legs, in the other order than last time; a leg that raises Void or ConnectionLost voids the pair."""
        try:
            legs = (baseline, ours) if (len(self.valid) + len(self.voids)) % 2 else (ours, baseline)
            figures = {leg: leg() for leg in legs}
            self.valid.append((figures[ours], figures[baseline]))
        except (Void, ConnectionLost) as reason:
            self.voids.append(str(reason))

    @property
    def ratios(self) -> list[float]:
        return [ours / baseline for ours, baseline in self.valid]

    def medians(self, unit: str = "") -> str:
        """Return the medians behind the ratios, as text."""
        if not self.valid:
            return "nothing valid"
        ours, baseline = median(ours for ours, _ in self.valid), median(baseline for _, baseline in self.valid)
        return f"{three_digits(ours)} and {three_digits(baseline)} {unit}".rstrip()


def three_digits(value: float) -> str:
    """Return a figure with three significant digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
