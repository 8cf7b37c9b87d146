"""Calibrations on record: `results/calibration-<time>.json`, and the one sentence that follows from each.

Teaches that an instrument's error belongs beside its figures: whoever reads a comparison is told which differences are
too small to be claimed, or that nobody has looked.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from loadtests.accounts.verdict import percentile
from loadtests.experiments.calibration.error import Error, Miss, error_of
from loadtests.harness import manifest

COMMAND = ".venv/bin/python -m loadtests calibrate"
NONE_ON_RECORD = (
    f"No calibration of this machine is on record, so the load generator's own error is not known: {COMMAND}"
)
SAME = ("name", "cpu", "cores")


@dataclass(frozen=True, slots=True)
class Row:
    """The error under one load. by_delay: for each of the stub's delays. Verdict: of the measurement itself."""

    transport: str
    users: int
    verdict: str
    overall: Error
    by_delay: dict[str, Error]
    parts_p50_ms: dict[str, float]


def summed_up(transport: str, users: int, verdict: str, some: Sequence[Miss]) -> Row:
    """Sum up one load."""
    delays = sorted({each.delay_ms for each in some})
    by_delay = {f"{delay:g}": error_of([each for each in some if each.delay_ms == delay]) for delay in delays}
    parts = {
        part: percentile([getattr(each, part) for each in some], 50) for part in ("sent_late_ms", "there_ms", "back_ms")
    }
    return Row(transport, users, verdict, error_of(some), by_delay, parts)


def sentence(rows: Sequence[Row]) -> str:
    """State what is not claimed: the worst of all transports and loads, rounded up to a tenth of a millisecond."""
    p50_ms, p99_ms = (
        ceil(10 * max(getattr(row.overall, percent) for row in rows)) / 10 for percent in ("p50_ms", "p99_ms")
    )
    return f"differences below {p50_ms:g} ms at p50 and {p99_ms:g} ms at p99 are not claimed"


def write(rows: Sequence[Row], asked: dict[str, Any], folder: Path) -> Path:
    """Put a calibration on record; return where. Raises OSError."""
    now = datetime.now().astimezone()
    made = {
        "calibrated_at": now.isoformat(timespec="seconds"),
        "machine": this_machine(),
        "versions": manifest.versions(),
        "load": asked,
        "sentence": sentence(rows),
        "rows": [asdict(row) for row in rows],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"calibration-{now:%Y-%m-%dT%H-%M-%S}.json"
    path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    return path


def on_record(folder: Path) -> str:
    """Return what the newest calibration of this machine says, or that there is none."""
    here = this_machine()
    for path in sorted(folder.glob("calibration-*.json"), reverse=True):
        made = json.loads(path.read_text(encoding="utf-8"))
        if all(made["machine"][fact] == here[fact] for fact in SAME):
            return f"The load generator's own error: {made['sentence']} ({path.name})."
    return NONE_ON_RECORD


def this_machine() -> dict[str, Any]:
    return {"name": platform.node(), **manifest.machine()}
