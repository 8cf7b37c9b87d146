"""Reads the records of the three deployments beside a run: their parts, their outages, the shortest code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from notebooks.analysis.records import read, table
from results.schema import CODE_COMPARISON_FILE, OUTAGES, OUTAGES_FILE, PARTS_FILE

MANAGED, SEPARATE, SINGLE = "pusher-and-serverless", "separate-websocket-server", "single-server"
NAMES: Mapping[str, str] = {
    MANAGED: "Pusher and serverless",
    SEPARATE: "Separate WebSocket server",
    SINGLE: "Single server",
}
STORE = "store"


def parts(folder: Path) -> Mapping[str, Mapping[str, list[str]]]:
    """Return by deployment its programs, links and settings; raise BrokenRun when they are not there."""
    found: Mapping[str, Mapping[str, list[str]]] = read(folder / PARTS_FILE)
    return found


def code(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return by example its counts, and what it returned when it ran; raise BrokenRun when it is not there."""
    found: Mapping[str, Mapping[str, Any]] = read(folder / CODE_COMPARISON_FILE)
    return found


def outages(folder: Path) -> pd.DataFrame:
    """Return a row for each deployment, failure and repeat; raise BrokenRun when they are not there."""
    path = folder / OUTAGES_FILE
    return table(path, read(path)["outages"], OUTAGES)


def circumstances(folder: Path) -> Mapping[str, Any]:
    """Return how the outages were made: how many people talked how often, and how long an outage was."""
    found: Mapping[str, Any] = read(folder / OUTAGES_FILE)
    return found
