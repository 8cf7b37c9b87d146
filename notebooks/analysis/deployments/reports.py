"""What was found out about the three deployment options beside a run: their parts, their drills, the shortest code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from notebooks.analysis.runs import BrokenRun
from results.schema import CODE_COMPARISON_FILE, DEPLOYMENTS_FILE, OUTAGES, OUTAGES_FILE, PARTS_FILE

MAKERS: Mapping[str, str] = {
    PARTS_FILE: "python -m tests.outages.parts",
    OUTAGES_FILE: "python -m tests.outages",
    CODE_COMPARISON_FILE: "python -m servers.shortest.compare",
    DEPLOYMENTS_FILE: "python -m loadtests deployments --out results/reference",
}
RENTING, SEPARATE, SINGLE = "pusher-and-serverless", "separate-websocket-server", "single-server"
NAMES: Mapping[str, str] = {
    RENTING: "Pusher and serverless",
    SEPARATE: "Separate WebSocket server",
    SINGLE: "Single server",
}
STORE = "store"


def parts(folder: Path) -> Mapping[str, Mapping[str, list[str]]]:
    """Return by option its parts, as `tests.outages.parts` counts them; raise BrokenRun when they are not there."""
    found: Mapping[str, Mapping[str, list[str]]] = record(folder, PARTS_FILE)
    return found


def code(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return by example what was counted of it, and what it told; raise BrokenRun when it is not there."""
    found: Mapping[str, Mapping[str, Any]] = record(folder, CODE_COMPARISON_FILE)
    return found


def drills(folder: Path) -> pd.DataFrame:
    """Return a row for each option, drill and repeat; raise BrokenRun when they are not there, or lack a figure."""
    found = pd.DataFrame(record(folder, OUTAGES_FILE)["outages"])
    if missing := [column.name for column in OUTAGES if column.name not in found]:
        raise BrokenRun(f"{folder / OUTAGES_FILE} lacks columns of results.schema: {', '.join(missing)}")
    return found


def circumstances(folder: Path) -> Mapping[str, Any]:
    """Return how the drills were made: how many people talked how often, and how long an outage was."""
    found: Mapping[str, Any] = record(folder, OUTAGES_FILE)
    return found


def record(folder: Path, name: str) -> Any:
    """Return what one of these files holds; raise BrokenRun, naming what makes it, when it is not there."""
    path = folder / name
    if not path.is_file():
        raise BrokenRun(f"{folder} has no {name}: `{MAKERS[name]}` makes it")
    return json.loads(path.read_text(encoding="utf-8"))
