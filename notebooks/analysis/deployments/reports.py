"""Reads the records of the three deployments beside a run: their parts, their outages, the shortest code."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from notebooks.analysis.figures.style import INK
from notebooks.analysis.records import read, table
from results.schema import CODE_COMPARISON_FILE, OUTAGES, OUTAGES_FILE, PARTS_FILE
from servers import transports

MANAGED, SEPARATE, SINGLE = "pusher-and-serverless", "separate-websocket-server", "single-server"
STORE = "store"


class Style(NamedTuple):
    """How a deployment is shown; the fields are explained in `names.toml`."""

    name: str
    beside: str
    slug: str
    line: str

    @property
    def colour(self) -> str:
        return transports.find(self.slug).colour if self.slug else INK


_LISTED = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))
LIMITS: Mapping[str, str] = _LISTED["limits"]
FAILURES: Mapping[str, str] = _LISTED["failures"]
STYLES: Mapping[str, Style] = {deployment: Style(**row) for deployment, row in _LISTED["deployments"].items()}
NAMES: Mapping[str, str] = {deployment: style.name for deployment, style in STYLES.items()}


def role(name: str) -> str:
    """Write a program's role for readers, the store as a database."""
    return name.replace(STORE, "database").replace("_", " ").replace("api", "API").replace("websocket", "WebSocket")


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


def people(folder: Path) -> int:
    """Return how many people talked while something failed; raise BrokenRun when it is not there."""
    return int(read(folder / OUTAGES_FILE)["size"]["people"])
