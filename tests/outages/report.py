"""What the drills found, as a file that others read: results.schema says what each figure means."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from loadtests.harness import manifest
from results.schema import DRILLS_FILE
from tests.outages.outages import OUTAGE_S, Drill, Size
from tests.outages.outcome import LATE_S, Outcome

FOLDER = Path(__file__).parents[2] / "results" / "reference"


def row(given: Drill, repeat: int, came_of_it: Outcome, machine_load: float) -> dict[str, Any]:
    """Return one row of the report."""
    key = {"option": given.option.name, "drill": given.name, "repeat": repeat, "machine_load": round(machine_load, 2)}
    return {**key, **came_of_it.as_row()}


def circumstances(size: Size, repeats: int) -> dict[str, Any]:
    """Return how a report is made, which is all but its rows."""
    return {
        "made_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": manifest.commit(),
        "machine": manifest.machine(),
        "versions": manifest.versions(),
        "machine_load": [round(load, 2) for load in os.getloadavg()],
        "command": "python -m tests.outages",
        "size": asdict(size),
        "repeats": repeats,
        "late_after_s": LATE_S,
        "outage_s": OUTAGE_S,
        "push_service": manifest.push_service(),
    }


def write(made: dict[str, Any], rows: Sequence[dict[str, Any]], folder: Path = FOLDER) -> Path:
    """Write the report; return its path."""
    path = folder / DRILLS_FILE
    path.write_text(json.dumps({**made, "drills": list(rows)}, indent=1) + "\n", encoding="utf-8")
    return path
