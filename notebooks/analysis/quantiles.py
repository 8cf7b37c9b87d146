"""Percentiles of delivery latency: of all repeats pooled, with the spread over repeats, never averaged.

The mean of three p95s is the p95 of nothing. So the samples of all repeats are pooled first, and what each repeat
measured alone is reported beside it, as a range.

Differences below the load generator's own error are not claimed. A calibration drives a stub whose every delay is known
(`python -m loadtests calibrate`). The newest one of the run's machine counts, in the run's folder or beside it: the
worst of its transports and loads. Without one, TRIALS_MS is used: the error that trials with injected delays showed on
another machine.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from notebooks.analysis.runs import Run
from results.schema import CALIBRATIONS

SHARES = (0.50, 0.95, 0.99)
TRIALS_MS = {0.50: 1.0, 0.99: 5.0}
PERCENTS = {0.50: "p50_ms", 0.99: "p99_ms"}


@dataclass(frozen=True, slots=True)
class Quantile:
    """One percentile in ms: of the pooled samples, and the lowest and highest among the repeats."""

    share: float
    pooled_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True, slots=True)
class Latency:
    """The delivery latency of one transport: n deliveries of so many messages, and what percentiles n can carry."""

    slug: str
    label: str
    deliveries: int
    messages: int
    quantiles: tuple[Quantile, ...]

    @property
    def p50(self) -> Quantile:
        """The median, which any n carries."""
        return self.quantiles[0]


def latencies(run: Run) -> tuple[Latency, ...]:
    """Return the latency of each transport of a run, in the registry's order."""
    return tuple(latency(run, slug) for slug in run.slugs)


def latency(run: Run, slug: str) -> Latency:
    """Return one transport's percentiles; p95 needs 20 samples and p99 100, so that at least one is above."""
    samples = run.deliveries_of(slug)
    by_repeat = [group.to_numpy() for _, group in samples.groupby("repeat")["latency_ms"]]
    carried = [share for share in SHARES if share == SHARES[0] or len(samples) * (1 - share) > 1 - 1e-9]
    return Latency(
        slug=slug,
        label=run.label_of(slug),
        deliveries=len(samples),
        messages=int(run.cells_of(slug)["messages"].sum()),
        quantiles=tuple(_quantile(share, samples["latency_ms"].to_numpy(), by_repeat) for share in carried),
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


def differences(run: Run, slugs: Sequence[str]) -> pd.DataFrame:
    """Return how far these transports lie apart in ms, slowest against fastest, and whether that may be claimed."""
    rows = {}
    for share, resolution in resolution_ms(run).items():
        found = [q for slug in slugs for q in latency(run, slug).quantiles if q.share == share]
        if len(found) < 2:
            continue
        apart_ms = max(q.pooled_ms for q in found) - min(q.pooled_ms for q in found)
        rows[f"p{share:.0%}".rstrip("%")] = {
            "apart, ms": round(apart_ms, 1),
            "resolution, ms": round(resolution, 1),
            "may be claimed": apart_ms >= resolution,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def resolution_ms(run: Run) -> dict[float, float]:
    """Return the smallest difference in ms that may be claimed at the median and at p99."""
    machine = run.manifest.get("machine", {})
    for folder in (run.folder, run.folder.parent):
        for path in sorted(folder.glob(CALIBRATIONS), reverse=True):
            made = json.loads(path.read_text(encoding="utf-8"))
            if all(made["machine"][fact] == machine.get(fact) for fact in ("cpu", "cores")):
                return {share: max(row["overall"][name] for row in made["rows"]) for share, name in PERCENTS.items()}
    return TRIALS_MS
