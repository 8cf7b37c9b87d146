"""Figures over the repeats of a measurement: medians with intervals, percentiles of latency, what may be claimed.

One quantity has one value: each repeat gives a figure, and the median of these figures is printed, which one slow
repeat does not move. The deliveries of one repeat share its time, its seed and its server, so they are not independent:
the repeats are the samples. A run has five at most. Of so few, a bootstrap of the median at 95 % gives their whole
range, so that is the interval, and its coverage is below 95 %.

An instrument has a resolution, too: a difference of latency may be claimed only if it is larger than the load
generator's own error. A calibration drives a stub whose every delay is known (`python -m loadtests calibrate`). What
counts is the newest calibration of the run's machine and link, in the run's folder or else beside it: the worst of
its transports and loads.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from notebooks.analysis.runs import Run
from results.schema import CALIBRATIONS, SAMPLES_MIN

PLAIN = "plain"

CALIBRATED = {0.50: "p50_ms", 0.99: "p99_ms"}
"""The percentiles that a calibration has, by share."""

UNCALIBRATED_MS = {0.50: 1.0, 0.99: 5.0}
"""Where no calibration is on record: trials with delays of 0 to 100 ms, and with 50 and 200 users, were wrong by about
1 ms at p50 and by 2 to 6 ms at p99."""

COVERED = "The true median lies between them in 3/4 of all cases for 3 repeats, in 15/16 for 5."
"""The range of n repeats contains it unless all lie on the same side of it, which has the probability 1 / 2^(n - 1)."""

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
    """Return the median and the range of what the repeats measured; raises ValueError without repeats."""
    if not repeats:
        raise ValueError("interval: expected at least one repeat")
    return Interval(float(np.median(repeats)), float(min(repeats)), float(max(repeats)))


@dataclass(frozen=True, slots=True)
class Latency:
    """The delivery latency of one transport: deliveries, messages, and percentiles in ms by share (0.5: the median)."""

    slug: str
    label: str
    deliveries: int
    messages: int
    quantiles: Mapping[float, Interval]

    @property
    def p50(self) -> Interval:
        """The median, for which any n suffices."""
        return self.quantiles[0.50]


def latencies(run: Run) -> tuple[Latency, ...]:
    """Return the latency of each transport of a run, in the registry's order."""
    return tuple(latency(run, slug) for slug in run.slugs)


def latency(run: Run, slug: str) -> Latency:
    """Return one transport's percentiles: those that each repeat has enough deliveries for; raise BrokenRun if none."""
    rows = run.quantiles_of(slug)
    shares = [percent / 100 for percent, least in SAMPLES_MIN.items() if rows["delivered"].min() >= least]
    return Latency(
        slug=slug,
        label=run.label_of(slug),
        deliveries=int(rows["delivered"].sum()),
        messages=int(run.cells_of(slug)["messages"].sum()),
        quantiles={share: interval(list(1000 * rows[f"latency_p{share * 100:.0f}_s"])) for share in shares},
    )


def table(run: Run) -> pd.DataFrame:
    """Return the percentiles in ms as a table for people: with the range over repeats, if there are several."""
    rows = {}
    for row in latencies(run):
        cells: dict[str, object] = {"deliveries": f"{row.deliveries:,}", "messages": f"{row.messages:,}"}
        for share, ms in row.quantiles.items():
            name = f"p{share:.0%}".rstrip("%")
            cells[f"{name}, ms"] = f"{ms.value:,.1f}"
            if run.repeats > 1:
                cells[f"{name} by repeat"] = f"{ms.low:,.1f} to {ms.high:,.1f}"
        rows[row.label] = cells
    return pd.DataFrame.from_dict(rows, orient="index").fillna("n too small")


def ks_distance(samples: NDArray[np.float64], cdf: Callable[[float], float]) -> float:
    """Return the Kolmogorov-Smirnov distance: the widest gap between the samples' ECDF and a predicted CDF, 0 to 1."""
    predicted = np.array([cdf(sample) for sample in np.sort(samples)])
    steps = np.arange(len(samples) + 1) / len(samples)
    return float(max((steps[1:] - predicted).max(), (predicted - steps[:-1]).max()))


def medians_ms(run: Run) -> dict[str, float]:
    """Return the median of each transport, in ms; transports that differ by less than the generator's error are equal.

    They form groups, from the fastest on: all in a group are closer than that error to the fastest of the group, and
    have the median of the slowest.
    """
    error_ms = resolution_ms(run)[0.50]
    found: dict[str, float] = {}
    group: list[str] = []
    fastest_ms = 0.0
    for median_ms, slug in sorted((latency(run, slug).p50.value, slug) for slug in run.slugs):
        if not group or median_ms - fastest_ms >= error_ms:
            group = []
            fastest_ms = median_ms
        group.append(slug)
        found |= dict.fromkeys(group, median_ms)
    return found


def resolution_ms(run: Run) -> dict[float, float]:
    """Return the smallest difference in ms that may be claimed, by share: at the median and at p99."""
    return resolution_on(run.folder, run.manifest.get("machine", {}), str(run.cells["link"].iloc[0]))


def resolution_on(folder: Path, machine: Mapping[str, Any], link: str = PLAIN) -> dict[float, float]:
    """Return the smallest difference in ms that may be claimed, by share, for a run's folder, machine and link."""
    for place in (folder, folder.parent):
        for path in sorted(place.glob(CALIBRATIONS), reverse=True):
            calibration = json.loads(path.read_text(encoding="utf-8"))
            is_whole = calibration.get("load", {}).get("link", PLAIN) == link and not calibration.get("partial")
            if is_whole and all(calibration["machine"][fact] == machine.get(fact) for fact in ("cpu", "cores")):
                errors = [row["overall"] for row in calibration["rows"]]
                return {share: max(error[name] for error in errors) for share, name in CALIBRATED.items()}
    return UNCALIBRATED_MS
