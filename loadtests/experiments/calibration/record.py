"""Calibrations on record: `results/calibration-<time>.json`, and the one sentence that follows from each.

Teaches that an instrument's error belongs beside its figures: whoever reads a comparison sees which differences are
too small to be claimed, or that no calibration has been made.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from loadtests.experiments.calibration.error import Row
from loadtests.harness import manifest

COMMAND = ".venv/bin/python -m loadtests calibrate"
NONE_ON_RECORD = (
    f"No calibration of this machine is on record, so the load generator's own error is not known: {COMMAND}"
)
SAME_MACHINE = ("name", "cpu", "cores")


def sentence(rows: Sequence[Row]) -> str:
    """State what is not claimed: the worst of all transports and loads, rounded up to a tenth of a millisecond."""
    p50_ms, p99_ms = (ceil(10 * max(getattr(row.overall, name) for row in rows)) / 10 for name in ("p50_ms", "p99_ms"))
    return f"differences below {p50_ms:g} ms at p50 and {p99_ms:g} ms at p99 are not claimed"


def write(rows: Sequence[Row], load: Mapping[str, Any], folder: Path) -> Path:
    """Write a calibration, made under this load, into a new file; return its path. Raises OSError."""
    now = datetime.now().astimezone()
    calibration = {
        "calibrated_at": now.isoformat(timespec="seconds"),
        "machine": this_machine(),
        "versions": manifest.versions(),
        "load": load,
        "sentence": sentence(rows),
        "rows": [asdict(row) for row in rows],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"calibration-{now:%Y-%m-%dT%H-%M-%S}.json"
    path.write_text(json.dumps(calibration, indent=2) + "\n", encoding="utf-8")
    return path


def on_record(folder: Path) -> str:
    """Return the conclusion of this machine's newest calibration, or that there is none."""
    machine = this_machine()
    for path in sorted(folder.glob("calibration-*.json"), reverse=True):
        calibration = json.loads(path.read_text(encoding="utf-8"))
        if all(calibration["machine"][name] == machine[name] for name in SAME_MACHINE):
            return f"The load generator's own error: {calibration['sentence']} ({path.name})."
    return NONE_ON_RECORD


def this_machine() -> dict[str, Any]:
    return {"name": platform.node(), **manifest.machine()}
