"""Percentiles of delivery latency: of all repeats pooled, with the spread over repeats, never averaged.

The mean of three p95s is the p95 of nothing. So the samples of all repeats are pooled first, and what each repeat
measured alone is reported beside it, as a range.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from notebooks.analysis.runs import Run

SAMPLES_MIN = {0.50: 1, 0.95: 20, 0.99: 100}
"""How many samples each percentile needs, so that at least one lies above it; the median is of any number."""


@dataclass(frozen=True, slots=True)
class Quantile:
    """One percentile in ms: of the pooled samples, and the lowest and highest among the repeats."""

    share: float
    pooled_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True, slots=True)
class Latency:
    """The delivery latency of one transport: n deliveries of so many messages, and its percentiles."""

    slug: str
    label: str
    deliveries: int
    messages: int
    quantiles: tuple[Quantile, ...]

    @property
    def p50(self) -> Quantile:
        """The median, for which any n suffices."""
        return self.quantiles[0]


def latencies(run: Run) -> tuple[Latency, ...]:
    """Return the latency of each transport of a run, in the registry's order."""
    return tuple(latency(run, slug) for slug in run.slugs)


def latency(run: Run, slug: str) -> Latency:
    """Return one transport's percentiles: those that it has enough samples for."""
    samples = run.deliveries_of(slug)
    by_repeat = [group.to_numpy() for _, group in samples.groupby("repeat")["latency_ms"]]
    shares = [share for share, least in SAMPLES_MIN.items() if len(samples) >= least]
    return Latency(
        slug=slug,
        label=run.label_of(slug),
        deliveries=len(samples),
        messages=int(run.cells_of(slug)["messages"].sum()),
        quantiles=tuple(_quantile(share, samples["latency_ms"].to_numpy(), by_repeat) for share in shares),
    )


def _quantile(share: float, pooled: NDArray[np.float64], by_repeat: list[NDArray[np.float64]]) -> Quantile:
    each = [float(np.quantile(repeat, share)) for repeat in by_repeat]
    return Quantile(share, float(np.quantile(pooled, share)), min(each), max(each))


def table(run: Run) -> pd.DataFrame:
    """Return the percentiles in ms as a table for people: with the range over repeats, if there are several."""
    rows = {}
    for row in latencies(run):
        cells: dict[str, object] = {"deliveries": f"{row.deliveries:,}", "messages": f"{row.messages:,}"}
        for quantile in row.quantiles:
            name = f"p{quantile.share:.0%}".rstrip("%")
            cells[f"{name}, ms"] = f"{quantile.pooled_ms:,.1f}"
            if run.repeats > 1:
                cells[f"{name} by repeat"] = f"{quantile.low_ms:,.1f} to {quantile.high_ms:,.1f}"
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
