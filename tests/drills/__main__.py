"""Run the drills: `python -m tests.drills kills`, or fuzz, soak, faults.

Without a name it runs all of them, and the tests marked `drill`. Each step appends a row, with commit and date, to a
file of the folder; a drill that was interrupted goes on after the last, but a soak begins again; one that is complete
runs again once its file is deleted. At the end all rows become a record, `results.schema.DRILLS_FILE`. Exits with 1 if
a row shows a fault, a figure is beyond its limit or unknown, or a test fails.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import stamina.instrumentation
import typer

from loadtests.harness import manifest
from loadtests.reports.trials import as_json
from notebooks.analysis.drills import load_drills
from results.plain_characters import use_plain_characters
from results.schema import DRILLS, DRILLS_FILE
from tests.drills import faults, fuzz, kills, soak

Key = Mapping[str, Any]
Row = dict[str, Any]
Rows = Callable[[Iterable[Key]], Iterator[Row]]
WRONG = ("lost", "duplicates", "out_of_order", "failed", "tracebacks")


def main(
    drill: Annotated[str, typer.Argument(help=f"One of {', '.join(DRILLS)}; without, all.")] = "",
    kill_count: Annotated[
        int, typer.Option("--kills", min=1, help="Kills on SQLite; a tenth of them on Redis, and on PostgreSQL.")
    ] = 1000,
    inputs: Annotated[int, typer.Option(min=1, help="Fuzzed inputs, over all listeners.")] = 3_200_000,
    soak_s: Annotated[float, typer.Option(min=5, help="Seconds of the soak.")] = 7200.0,
    stop_s: Annotated[float, typer.Option(min=1, help="Seconds of each fault.")] = 30.0,
    out: Annotated[Path, typer.Option(help="Folder for the rows and the record.")] = Path("results/drills"),
) -> None:
    """Try to lose messages, and to make a listener fail; record the outcome."""
    if drill and drill not in DRILLS:
        raise typer.BadParameter(f"expected one of {', '.join(DRILLS)}; got {drill!r}")
    stamina.instrumentation.set_on_retry_hooks([])  # each attempt to reconnect would be a line of its own
    soaked = soak.plan(soak_s)
    steps: Mapping[str, tuple[Sequence[Key], Rows]] = {
        "kills": (kills.plan(kill_count), partial(map, kills.row)),
        "fuzz": (fuzz.plan(inputs), partial(map, fuzz.row)),
        "soak": (soaked, lambda _: soak.rows(soaked)),  # whole: growth is judged within one session
        "faults": (faults.plan(stop_s), partial(map, faults.row)),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, (plan, rows) in steps.items():
        if drill in ("", name):
            resume(out / f"{name}.jsonl", plan, rows)
    is_clean = record(out)
    if not drill:
        tests = subprocess.run([sys.executable, "-m", "pytest", "-m", "drill"], check=False)
        is_clean = is_clean and tests.returncode == 0
    sys.exit(0 if is_clean else 1)


def record(out: Path) -> bool:
    """Write the rows of all drills to one record; return whether none shows a fault and no limit is passed."""
    tables = {name: read(out / f"{name}.jsonl") for name in DRILLS}
    facts = {"machine": manifest.machine(), "versions": manifest.versions(), "command": "python -m tests.drills"}
    for row in chain.from_iterable(tables.values()):
        row.pop("evidence", None)
    (out / DRILLS_FILE).write_text(as_json({**facts, **tables}, tables), encoding="utf-8")
    print(out / DRILLS_FILE)
    excesses = load_drills(out).excesses()
    for each in excesses:
        print(f"beyond its limit, or unknown: {each}")
    return not excesses and not any(map(has_fault, chain.from_iterable(tables.values())))


def resume(path: Path, plan: Iterable[Key], rows: Rows) -> None:
    """Carry out the steps that have no row in a file, and append the row of each as soon as it is over."""
    done = read(path)
    todo = [key for key in plan if not any(key.items() <= row.items() for row in done)]
    if not todo:
        print(f"{path}: complete; delete it to run this drill again")
        return
    with path.open("a", encoding="utf-8") as file:
        for row in rows(todo):
            at = datetime.now().astimezone().isoformat(timespec="seconds")
            line = json.dumps({"commit": manifest.commit(), "at": at, **row})
            print(line, file=file, flush=True)
            print(line, flush=True)


def read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def has_fault(row: Row) -> bool:
    """Return whether something was lost, came twice or out of order, or failed."""
    return any(row.get(fault) for fault in WRONG)


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
