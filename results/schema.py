"""The format of a run: what load tests write and notebooks read.

`README.md` beside this module explains the files, and `columns.csv` each column of their tables.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.json"
CALIBRATIONS = "calibration-*.json"
CAPTURES_FILE = "captures.json"
CLAIMS_FILE = "claims.json"
CODE_COMPARISON_FILE = "code_comparison.json"
OUTAGES_FILE = "outages.json"
PARTS_FILE = "parts.json"
HOSTED_FILE = "hosted.json"
SHARED_STORE_FILE = "shared_store.json"
DEPLOYMENTS_FILE = "deployments.json"
DRILLS_FILE = "drills.json"
EXPLORER_FILE = "explorer.json"
CELLS_FILE = "cells.csv"
KINDS_FILE = "kinds.csv"
DELIVERIES_FILE = "deliveries.csv.gz"
PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99)
SERVERS_CPU = ("api_cpu_s", "push_service_cpu_s", "store_cpu_s", "proxy_cpu_s")
"""The columns whose sum is the servers' CPU time; one of them is nan where a part cannot be seen."""

SAMPLES_MIN = {50: 1, 95: 20, 99: 1_000}
"""How many deliveries each percentile needs: the p99 of 1,000 has ten above it; any number has a median. A percentile
of fewer deliveries is not shown, or shown with a warning."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, pandas dtype, unit ("" for text and counts of things named in the meaning)."""

    name: str
    dtype: str
    unit: str
    meaning: str


def _columns() -> dict[str, tuple[Column, ...]]:
    """Return the columns of every table, in their order, as `columns.csv` lists them."""
    tables: dict[str, tuple[Column, ...]] = {}
    with Path(__file__).with_name("columns.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            table = row.pop("table")
            tables[table] = (*tables.get(table, ()), Column(**row))
    return tables


_TABLES = _columns()
KEY = _TABLES["key"]
DELIVERIES = KEY + _TABLES["deliveries"]
KINDS = KEY + _TABLES["kinds"]
CELLS = KEY + _TABLES["cells"]
OUTAGES = _TABLES["outages"]
LOADS = _TABLES["loads"]
"""Table `loads` of shared_store.json: one load on every transport, store and number of workers."""

CROSS_PROCESS = _TABLES["cross_process"]
"""Table `cross_process`: two servers of one worker each on one store; each has half of the users of every room."""

APPENDS = _TABLES["appends"]
"""Table `appends`: what storing a message takes, with a single sender."""

DEPLOYMENTS = _TABLES["deployments"]
"""Table `deployments` of deployments.json: one load on each deployment, in its own configuration."""

HOSTED = _TABLES["hosted"]
"""Table `hosted`: one load on every transport and host. Counts are of the window, unless another span is named.

The host counts a cut when it makes it, the users when they notice it, milliseconds later. So the counts of the two
sides may differ: a cut at an end of the window may be in only one of them.
"""

TIMELINE = _TABLES["timeline"]
"""Table `timeline`: the first user's connection on each transport and host; for polling, the requests."""

VICTIMS = _TABLES["victims"]
"""Columns of kills: how often each process was killed."""

DRILLS = {"kills": _TABLES["kills"] + VICTIMS, **{name: _TABLES[name] for name in ("fuzz", "soak", "faults")}}
"""The tables of drills.json; each row has the commit that was tested, and when its step was over."""
