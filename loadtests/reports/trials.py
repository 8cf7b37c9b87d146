"""A record of many short measurements, as one JSON file of tables: each is on disk before the next one begins.

Teaches when repeating a measurement chooses no result: only the load generator's own lag decides, never the figures,
and the number of attempts is kept in the row. And when a record may be resumed: on the same machine, with the same code
and loads; otherwise it starts again, and the old record is kept beside it. A record with all rows stays as it is.
"""

import json
import os
import signal
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from loadtests.accounts.cell import Cell
from loadtests.accounts.verdict import SUSPECT_S
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores, reserved
from loadtests.reports.run_folder import SAME
from loadtests.reports.tables import write_text
from results import terminal
from results.schema import Column

ATTEMPTS_MAX = 3
WRONG = ("lost", "duplicates", "out_of_order", "send_failures")
PERCENTS = (50, 95, 99)

Row = dict[str, str | float]
Tables = Mapping[str, Sequence[Column]]
SHOWN = ("repeat", "users", "delivered", "lost", "latency_p50_s", "same_p50_s", "other_p50_s", "acked_p50_s")


class Trial(NamedTuple):
    """One measurement: the table that it goes to, the key of its row there, and what measures the rest.

    about_s: how long it takes, if that is known.
    """

    table: str
    key: Row
    measure: Callable[[], Row]
    about_s: float = 0.0


def keep(trials: Iterable[Trial], record: dict[str, Any], tables: Tables, path: Path, placement: Cores) -> int:
    """Make each trial, and write the record after each; return the exit status: 1 if anything is wrong or missing.

    What an earlier run under the same conditions has measured is not measured again. record: the manifest, to which
    trials may add. Raises OSError if nothing can be kept.
    """
    console = terminal.console()
    planned = list(trials)
    missing = 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    record |= {"partial": True, **{name: [] for name in tables}}
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _resume(record, path)
    due = [trial for trial in planned if not any(trial.key.items() <= row.items() for row in record[trial.table])]
    minutes = sum(trial.about_s for trial in due) / 60
    about = f", about {max(1, round(minutes))} min" if minutes else ""
    again = "" if due else f" Remove {path} to make them again."
    console.print(f"{len(due)} of {len(planned)} measurements are due{about}.{again}", markup=False)
    if aside:
        console.print(f"{path.name} is of another run, and is kept as {aside}", markup=False)
    with reserved(placement, console.print):
        record.setdefault("load_average", os.getloadavg()[0])
        for trial in due:
            try:
                whole = trial.key | repeat_if_lagging(trial.measure)
            except (NotMeasured, OSError, psutil.Error) as error:
                console.print(f"{trial.table} {trial.key}: not measured: {error}", style="red", markup=False)
                missing += 1
                continue
            row = {column.name: whole[column.name] for column in tables[trial.table]}
            record[trial.table].append(row)
            _write(record, tables, path, aside)
            console.print(f"{trial.table}: {one_line(row)}", markup=False)
    failed = missing > 0 or any(_is_wrong(row) for name in tables for row in record[name])
    _write(record | {"partial": failed}, tables, path, aside)
    console.print(f"Written to {path}")
    return 1 if failed else 0


def _is_wrong(row: Row) -> bool:
    """Whether any count of WRONG is above 0; one that is unknown is not."""
    return any(float(row.get(column) or 0) > 0 for column in WRONG)


def _resume(record: dict[str, Any], path: Path) -> Path | None:
    """Add what an earlier run wrote, if that was on the same machine, with the same code and loads.

    Otherwise return where to move the record that is there, if there is one: to a name with the time it was made.
    """
    begun = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    conditions = json.loads(json.dumps(record))
    same = "measured_code" in record and all(begun.get(name) == conditions.get(name) for name in SAME)
    if same:
        for name, fact in begun.items():
            if isinstance(record.get(name), dict):
                record[name].update(fact)
            else:
                record[name] = fact
    elif begun:
        made_at = str(begun.get("started_at", begun.get("made_at", "older")))
        return path.with_stem(f"{path.stem}-{made_at[:19].replace(':', '-')}")
    return None


def _write(record: dict[str, Any], tables: Tables, path: Path, aside: Path | None) -> None:
    """Write a record; before the first time, move the one that is there aside."""
    if aside and not aside.exists():
        path.rename(aside)
    write_text(path, as_json(record, tables))


def repeat_if_lagging(measure: Callable[[], Row]) -> Row:
    """Measure again while the generator's lag makes the figures suspect, up to ATTEMPTS_MAX times; the last one counts.

    The row gets the number of attempts as its `trials`.
    """
    row = measure()
    attempts = 1
    while float(row.get("heartbeat_lag_p99_s", 0.0)) > SUSPECT_S and attempts < ATTEMPTS_MAX:
        row = measure()
        attempts += 1
    return {**row, "trials": attempts}


def row_of(cell: Cell) -> Row:
    """Return all figures of a cell, and percentiles of its latency; the tables keep those that are columns."""
    return {**cell.figures, **{f"latency_p{percent}_s": cell.latency_ms(percent) / 1000 for percent in PERCENTS}}


def one_line(row: Row) -> str:
    """Return a row in one line, for the terminal: its texts, and those of its figures that matter most."""
    shown = {name: value for name, value in row.items() if name in SHOWN or (isinstance(value, str) and value)}
    return ", ".join(value if isinstance(value, str) else f"{name} {value:.5g}" for name, value in shown.items())


def as_json(record: Mapping[str, Any], tables: Collection[str]) -> str:
    """Return a record as JSON: the manifest first, then a line for each row of a table; nan becomes null."""
    facts = {name: fact for name, fact in record.items() if name not in tables}
    text = json.dumps(facts, indent=2, ensure_ascii=False).removesuffix("\n}")
    for name in tables:
        lines = ",\n".join(f"    {_row_as_json(row)}" for row in record[name])
        text += f',\n  "{name}": [\n{lines}\n  ]'
    return text + "\n}\n"


def _row_as_json(row: Row) -> str:
    nulls = {name: None for name, value in row.items() if isinstance(value, float) and isnan(value)}
    return json.dumps({**row, **nulls}, allow_nan=False)
