"""`python -m loadtests hop`: what a shared store costs, what a second worker costs, and the hop between the two.

Teaches what may be said of two cores: a price, never a speed-up. Workers and engine share one core, as the servers of
every comparison here do, so what is measured is the work that sharing adds, and how long a message takes through it.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from loadtests.accounts.cell import Cell
from loadtests.accounts.verdict import SUSPECT_S
from loadtests.bench.pairs import Void
from loadtests.bench.processes import cores
from loadtests.rig.backing import Backing
from loadtests.rig.children import NotMeasured
from loadtests.rig.cores import pinned
from loadtests.rig.manifest import describe
from loadtests.rig.measurement import measure
from loadtests.rig.subjects import OurServers
from loadtests.scenarios import Planned
from loadtests.sharing.appends import measure_appends
from loadtests.sharing.hop import Row, measure_hop
from loadtests.sharing.plan import APPENDED, Plan, steps
from results.schema import APPENDS, HOPS, SERVED, SHARED_STORES_FILE, Column
from servers.transports import TRANSPORTS

TABLES: dict[str, tuple[Column, ...]] = {"served": SERVED, "hops": HOPS, "appends": APPENDS}
TAKES = 3
WRONG = ("lost", "duplicates", "out_of_order", "send_failures")


def measure_sharing(plan: Plan, out: Path) -> int:
    """Measure, write and say where; return the exit status: 1 if anything does not add up, or was not measured."""
    console, placement = Console(highlight=False), cores()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    slugs = [row.slug for row in TRANSPORTS]
    made: dict[str, Any] = describe([plan.served, plan.hop], slugs, placement)
    made |= {"partial": True, "load_average": os.getloadavg()[0], "engines": {}, **{name: [] for name in TABLES}}
    out.mkdir(parents=True, exist_ok=True)
    path, failures = out / SHARED_STORES_FILE, 0
    with pinned(placement.generator):
        for name, key, take in _takes(plan, made["engines"]):
            try:
                row = key | settled(take)
            except (NotMeasured, Void, OSError, psutil.Error) as error:
                console.print(f"{name} {key}: not measured: {error}", style="red", markup=False)
                failures += 1
                continue
            made[name].append({column.name: row[column.name] for column in TABLES[name]})
            path.write_text(_written(made), encoding="utf-8")
            console.print(f"{name}: {_in_short(row)}", markup=False)
            failures += any(row.get(column, 0) for column in WRONG)
    path.write_text(_written(made | {"partial": failures > 0}), encoding="utf-8")
    console.print(f"Written to {path}")
    return int(failures > 0)


def settled(take: Callable[[], Row]) -> Row:
    """Measure; again, while the generator lagged so that the figures are suspect, up to TAKES times: the last counts.

    What is looked at is never the figures themselves, and how often it was measured goes into the row.
    """
    row, takes = take(), 1
    while float(row.get("heartbeat_lag_p99_s", 0.0)) > SUSPECT_S and takes < TAKES:
        row, takes = take(), takes + 1
    return {**row, "takes": takes}


def _takes(plan: Plan, engines: dict[str, str]) -> Iterator[tuple[str, Row, Callable[[], Row]]]:
    """Yield each measurement: its table, its key, and what makes it. engines: learns their versions."""
    for repeat in range(plan.repeats):
        for step in steps(TRANSPORTS, repeat):
            key: Row = {"transport": step.transport.slug, "store": step.backing.scheme, "repeat": repeat}
            if step.hop:
                load = plan.hop.workloads[0].seeded(repeat)
                yield "hops", key, partial(measure_hop, step.transport, step.backing, load, cores(), _look)
            else:
                (planned,) = plan.served.planned([step.transport], repeat)
                yield "served", key, partial(_served, planned, step.backing, engines)
        for store in APPENDED:
            taking = partial(measure_appends, store, plan.appends, cores(), _look)
            yield "appends", {"store": store, "repeat": repeat}, taking


def _served(planned: Planned, backing: Backing, engines: dict[str, str]) -> Row:
    """Return a row of `results.schema.SERVED`."""
    cell = measure(planned, cores(), lambda _: None, OurServers(backing=backing))
    if not backing.is_embedded:
        engines[backing.scheme] = str(cell.settings["engine"])
    return _row_of(cell, backing.workers)


def _row_of(cell: Cell, workers: int) -> Row:
    figures = {column.name: cell.figures[column.name] for column in SERVED if column.name in cell.figures}
    latencies_s = {f"latency_p{percent}_s": cell.latency_ms(percent) / 1000 for percent in (50, 95)}
    return {**figures, **latencies_s, "workers": workers}


def _look() -> None:
    """Look at nothing while something is awaited."""


def _in_short(row: Row) -> str:
    told = (f"{name} {value:.5g}" if isinstance(value, float) else f"{value}" for name, value in row.items())
    return ", ".join(told)


def _written(made: dict[str, Any]) -> str:
    """Return it as JSON, a line for each row of a table."""
    facts = {name: fact for name, fact in made.items() if name not in TABLES}
    head = json.dumps(facts, indent=2, ensure_ascii=False).removesuffix("\n}")
    rows = {name: ",\n".join(f"    {json.dumps(row)}" for row in made[name]) for name in TABLES}
    return head + "".join(f',\n  "{name}": [\n{lines}\n  ]' for name, lines in rows.items()) + "\n}\n"
