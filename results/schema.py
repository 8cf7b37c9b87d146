"""The format of a run: what load tests write and notebooks read. `columns.csv` beside this module explains each column.

A run is a folder `results/<run>/` with

    manifest.json       how it was made: commit, machine, versions, scenarios, workloads, command, settings of each
                        transport, verdicts, what a server was too busy to be measured at (overloaded), and whether
                        it is a preview only
    cells.csv           one row per load, transport and repeat: the exact counts
    kinds.csv           one row per cell and kind of event that it had: what came of each, and what was still true
    deliveries.csv.gz   one row per event and recipient: the raw samples; of a full run, so many of each cell
    *.png               the charts of `make compare`

and beside the runs, or in one,

    calibration-*.json  the load generator's own error on a machine (`python -m loadtests calibrate`)
    captures.json       what crossed the wire while two people talked (`python -m loadtests capture`): for each
                        transport the pieces that TCP carried, each with its link, connection, direction (up: to the
                        server), moment in seconds from the window's start, and bytes (as Latin-1); and the same of the
                        vendor's own pusher-js, from connecting to one event
    code_comparison.json  the shortest chats, in lines and moving parts (`python -m servers.shortest.compare`)
    outages.json        what failures of each deployment cost its users (`python -m tests.outages`): how it was made,
                        and under `outages` a row for each deployment, failure and repeat
    parts.json          the programs that each deployment runs, and who talks to whom (`python -m tests.outages.parts`)
    shared_store.json   what a shared store and a second process cost (`python -m loadtests shared_store`): the
                        circumstances as in a manifest, the engines, and three tables, each a list of rows: loads,
                        cross_process, appends
    deployments.json    what a delivery takes on each deployment (`python -m loadtests deployments`): the circumstances
                        as in a manifest, and under `deployments` a row for each deployment and repeat
    hosted.json         what serverless hosts do to each transport (`python -m loadtests hosted`): the circumstances as
                        in a manifest, under `hosts` each host's limits with their date and sources, and two tables,
                        each a list of rows: hosted, timeline
    drills.json         what kills, fuzzed inputs, hours of use and faults cost (`python -m tests.drills`): the machine,
                        and four tables, each row with its commit and date: kills, fuzz, soak, faults
    claims.json         every claim of the source document, tested on the run (`python -m notebooks.analysis claims`)

Another target's server may not report a figure: then it is `nan`, which is why those counts are floats. A cell whose
deliveries do not add up is void: its row says so, and it is never charted. pandas reads a table in one line:
`pandas.read_csv("results/<run>/cells.csv")`.
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
CELLS_FILE = "cells.csv"
KINDS_FILE = "kinds.csv"
DELIVERIES_FILE = "deliveries.csv.gz"
PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99)


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
"""Table `cross_process`: two servers of one worker each on one store; half of each room is on either."""

APPENDS = _TABLES["appends"]
"""Table `appends`: what it takes to have a message on the disk, alone."""

DEPLOYMENTS = _TABLES["deployments"]
"""Table `deployments` of deployments.json: one load on each deployment, in its own configuration."""

HOSTED = _TABLES["hosted"]
"""Table `hosted`: one load on every transport and host. Counts are of the window, unless another span is named.

The host counts a cut when it cuts, the users when they notice, milliseconds later. So do not compare the two sides'
counts of one row exactly: a cut at an end of the window may be in one of them only.
"""

TIMELINE = _TABLES["timeline"]
"""Table `timeline`: the connection of the first user of each. Polling has requests instead of a connection."""

DRILLS = {name: _TABLES[name] for name in ("kills", "fuzz", "soak", "faults")}
"""The tables of drills.json; each row has the commit that was drilled, and when its step was over."""
