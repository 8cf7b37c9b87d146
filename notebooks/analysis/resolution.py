"""Which differences of latency may be claimed: those that are larger than the load generator's own error.

Teaches that an instrument has a resolution. A calibration drives a stub whose every delay is known
(`python -m loadtests calibrate`). The newest one of the run's machine and link counts, in the run's folder or beside
it: the worst of its transports and loads.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from notebooks.analysis.quantiles import latency
from notebooks.analysis.runs import Run
from results.schema import CALIBRATIONS

CALIBRATED = {0.50: "p50_ms", 0.99: "p99_ms"}
"""The percentiles that a calibration has, by share."""

PLAIN = "plain"

UNCALIBRATED_MS = {0.50: 1.0, 0.99: 5.0}
"""Where no calibration is on record: trials with delays of 0 to 100 ms, and with 50 and 200 users, were wrong by about
1 ms at p50 and by 2 to 6 ms at p99."""


def differences(run: Run, slugs: Sequence[str]) -> pd.DataFrame:
    """Return how far these transports lie apart in ms, slowest against fastest, and whether that may be claimed."""
    rows = {}
    for share, resolution in resolution_ms(run).items():
        found_ms = [ms[share].value for slug in slugs if share in (ms := latency(run, slug).quantiles)]
        if len(found_ms) < 2:
            continue
        apart_ms = max(found_ms) - min(found_ms)
        rows[f"p{share:.0%}".rstrip("%")] = {
            "apart, ms": round(apart_ms, 1),
            "resolution, ms": round(resolution, 1),
            "may be claimed": apart_ms >= resolution,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def medians_ms(run: Run) -> dict[str, float]:
    """Return the median of each transport, in ms, with one value for all that may not be told apart.

    From the fastest on, those that are closer to it than the generator's error have the slowest median among them.
    """
    apart_ms, found, group = resolution_ms(run)[0.50], dict[str, float](), list[tuple[float, str]]()
    for median_ms, slug in sorted((latency(run, slug).p50.value, slug) for slug in run.slugs):
        group = [*group, (median_ms, slug)] if group and median_ms - group[0][0] < apart_ms else [(median_ms, slug)]
        found |= {same: median_ms for _, same in group}
    return found


def resolution_ms(run: Run) -> dict[float, float]:
    """Return the smallest difference in ms that may be claimed, by share: at the median and at p99."""
    return resolution_on(run.folder, run.manifest.get("machine", {}), str(run.cells["link"].iloc[0]))


def resolution_on(folder: Path, machine: Mapping[str, Any], link: str = PLAIN) -> dict[float, float]:
    """Return the same for whatever was measured on a machine, over a link, and recorded in a run's folder."""
    for place in (folder, folder.parent):
        for path in sorted(place.glob(CALIBRATIONS), reverse=True):
            made = json.loads(path.read_text(encoding="utf-8"))
            is_of_link = made.get("load", {}).get("link", PLAIN) == link
            if is_of_link and all(made["machine"][fact] == machine.get(fact) for fact in ("cpu", "cores")):
                return {share: max(row["overall"][name] for row in made["rows"]) for share, name in CALIBRATED.items()}
    return UNCALIBRATED_MS
