"""Percentiles of delivery latency: the median of what the repeats measured, with the spread over them.

One quantity has one value: each repeat gives a figure, and what is printed is their median, which one of them measured
(of an even number the middle of two) and which a slow repeat does not move.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from notebooks.analysis.intervals import Interval, interval
from notebooks.analysis.runs import Run
from results.schema import SAMPLES_MIN


@dataclass(frozen=True, slots=True)
class Latency:
    """The delivery latency of one transport: n deliveries of so many messages, and its percentiles in ms, by share."""

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
    run.deliveries_of(slug)
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


def share_near_mean(samples: NDArray[np.float64]) -> float:
    """Return the share of the samples that the mean describes: those within a tenth of it."""
    mean = samples.mean()
    return float((np.abs(samples - mean) < 0.1 * mean).mean())
