"""Which differences are too small to be claimed: the load generator's own error, on the machine of the run.

A calibration drives a stub whose every delay is known (`python -m loadtests calibrate`). The newest one of the run's
machine counts, in the run's folder or beside it: the worst of its transports and loads. Without any, what trials with
injected delays showed on another machine stands in.
"""

import json
from collections.abc import Mapping
from typing import Any

from notebooks.analysis.runs import Run
from results.schema import CALIBRATIONS

TRIALS_MS = {0.50: 1.0, 0.99: 5.0}
PERCENTS = {0.50: "p50_ms", 0.99: "p99_ms"}


def resolution_ms(run: Run) -> dict[float, float]:
    """Return the smallest difference in ms that may be claimed at the median and at p99."""
    for folder in (run.folder, run.folder.parent):
        for path in sorted(folder.glob(CALIBRATIONS), reverse=True):
            made = json.loads(path.read_text(encoding="utf-8"))
            if _is_same(made["machine"], run.manifest.get("machine", {})):
                return {share: max(row["overall"][name] for row in made["rows"]) for share, name in PERCENTS.items()}
    return TRIALS_MS


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one[fact] == other.get(fact) for fact in ("cpu", "cores"))
