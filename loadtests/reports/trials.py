"""A record of many short measurements, as one file of tables: each is on disk before the next one begins.

Teaches what may be measured again without choosing what one likes: only the load generator's own lag is looked at,
never the figures, and how often it was measured goes into the row.
"""

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from loadtests.accounts.cell import Cell
from loadtests.accounts.verdict import SUSPECT_S
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores, reserved
from loadtests.reports.record import in_short, written
from results import terminal
from results.schema import Column

MOST = 3
WRONG = ("lost", "duplicates", "out_of_order", "send_failures")
PERCENTS = (50, 95, 99)

Row = dict[str, str | float]
Tables = Mapping[str, Sequence[Column]]


class Trial(NamedTuple):
    """One measurement: the table that it goes to, what tells its row from others there, and what makes the rest."""

    table: str
    key: Row
    make: Callable[[], Row]


def keep(takes: Iterable[Trial], made: dict[str, Any], tables: Tables, path: Path, placement: Cores) -> int:
    """Make each take and write what there is so far; return the exit status: 1 if anything is wrong or missing.

    made: how it is measured, which the takes may add to. Raises OSError if nothing can be kept.
    """
    console, failures = terminal.console(), 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    made |= {"partial": True, **{name: [] for name in tables}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with reserved(placement, console.print):
        made["load_average"] = os.getloadavg()[0]
        for take in takes:
            try:
                whole = take.key | settled(take.make)
            except (NotMeasured, OSError, psutil.Error) as error:
                console.print(f"{take.table} {take.key}: not measured: {error}", style="red", markup=False)
                failures += 1
                continue
            row = {column.name: whole[column.name] for column in tables[take.table]}
            made[take.table].append(row)
            path.write_text(written(made, tables), encoding="utf-8")
            console.print(f"{take.table}: {in_short(row)}", markup=False)
            failures += any(row.get(column, 0) for column in WRONG)
    path.write_text(written(made | {"partial": failures > 0}, tables), encoding="utf-8")
    console.print(f"Written to {path}")
    return int(failures > 0)


def settled(make: Callable[[], Row]) -> Row:
    """Measure; again, while the generator lagged so that the figures are suspect, up to MOST times: the last counts."""
    row, takes = make(), 1
    while float(row.get("heartbeat_lag_p99_s", 0.0)) > SUSPECT_S and takes < MOST:
        row, takes = make(), takes + 1
    return {**row, "takes": takes}


def row_of(cell: Cell) -> Row:
    """Return all figures of a cell, and percentiles of its latency: the tables' columns say which are kept."""
    return {**cell.figures, **{f"latency_p{percent}_s": cell.latency_ms(percent) / 1000 for percent in PERCENTS}}
