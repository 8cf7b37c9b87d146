"""`python -m loadtests hosted`: what a serverless host does to each transport, and what it bills for it.

Teaches to let a host fail its users, and to count: a line that is cut, a question answered too late and a user who
never gets in are what is measured here, and no reason to stop. A message that was lost is: then nothing adds up.
"""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from loadtests.accounts.verdict import SUSPECT_S
from loadtests.experiments.hosted.accounts import Row
from loadtests.experiments.hosted.measure import Measured, measure_hosted
from loadtests.experiments.hosted.plan import HostedPlan, Step
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores, choose, reserved
from loadtests.harness.manifest import describe
from loadtests.reports.record import as_json, one_line
from loadtests.reports.trials import WRONG
from results import terminal
from results.schema import HOSTED, HOSTED_FILE, LIVES, Column
from servers.transports import TRANSPORTS, Transport

TABLES: dict[str, tuple[Column, ...]] = {"hosted": HOSTED, "lives": LIVES}
LAG, DIGITS = "heartbeat_lag_p99_s", 4


def measure_hosts(plan: HostedPlan, out: Path, transports: Sequence[Transport] = TRANSPORTS) -> int:
    """Measure, write and say where; return the exit status: 1 if anything does not add up, or was not measured."""
    console, cores = terminal.console(), choose()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    made: dict[str, Any] = describe([plan.scenario], [row.slug for row in transports], cores)
    out.mkdir(parents=True, exist_ok=True)
    path, steps = out / HOSTED_FILE, list(plan.steps(transports))
    taken: dict[Step, Measured] = {}
    with reserved(cores, console.print):
        made["load_average"] = os.getloadavg()[0]
        for step in with_another_try(steps, taken):
            console.print(f"{step.transport.slug} on {step.host.name} ...", markup=False)
            if measured := _measured(plan, step, cores, console):
                earlier = taken[step].hosted["takes"] if step in taken else 0
                taken[step] = measured._replace(hosted={**measured.hosted, "takes": int(earlier) + 1})
                console.print(one_line(taken[step].hosted), markup=False)
                path.write_text(as_json(made | _tables(taken) | {"partial": True}, TABLES), encoding="utf-8")
    wrong = len(taken) < len(steps) or any(each.hosted[name] for each in taken.values() for name in WRONG)
    path.write_text(as_json(made | _tables(taken) | {"partial": wrong}, TABLES), encoding="utf-8")
    console.print(f"Written to {path}")
    return int(wrong)


def with_another_try(steps: Sequence[Step], taken: Mapping[Step, Measured]) -> Iterator[Step]:
    """Yield all steps, and then those once more at which the load generator lagged: the last figures count.

    What is looked at is never the figures themselves, and how often it was measured goes into the row.
    """
    yield from steps
    yield from [step for step in steps if step in taken and float(taken[step].hosted[LAG]) > SUSPECT_S]


def _measured(plan: HostedPlan, step: Step, cores: Cores, console: Console) -> Measured | None:
    """Measure one step, or say why it could not be."""
    try:
        return measure_hosted(plan, step, cores, lambda: None)
    except (NotMeasured, OSError, psutil.Error) as error:
        console.print(f"not measured: {error}", style="red", markup=False)
        return None


def _tables(taken: Mapping[Step, Measured]) -> dict[str, Any]:
    """Return what was measured: the hosts' limits, and the tables by the schema's columns."""
    lives = [row for each in taken.values() for row in each.lives]
    tables = {"hosted": [each.hosted for each in taken.values()], "lives": lives}
    rows = {name: [_row(TABLES[name], row) for row in rows] for name, rows in tables.items()}
    return {"hosts": {step.host.name: each.settings for step, each in taken.items()}, **rows}


def _row(columns: Sequence[Column], row: Row) -> Row:
    """Return a row by the schema's columns, with as many digits as mean anything."""
    told = {column.name: row[column.name] for column in columns}
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in told.items()}
