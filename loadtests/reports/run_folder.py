"""The folder of one run, written as the run goes on, so that every finished measurement is kept.

Teaches that a result is worth nothing without its manifest; and how a run that is killed loses nothing that was
finished. Every file is replaced as a whole, cells.csv as the last one: a cell that it does not have is not finished,
and its rows in the other tables are left out when the run is resumed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import count, groupby
from pathlib import Path
from random import Random
from typing import Any

from loadtests.accounts.cell import Cell
from loadtests.accounts.predictions import Limit
from loadtests.accounts.verdict import SPEED, Status, Verdict, slow_cells
from loadtests.harness.children import Overloaded
from loadtests.reports.tables import Row, encoded, replace_file, rows_of
from loadtests.scenarios import Key, Planned
from results.schema import CELLS, CELLS_FILE, DELIVERIES, DELIVERIES_FILE, KINDS, KINDS_FILE, MANIFEST

TABLES = {CELLS_FILE: CELLS, KINDS_FILE: KINDS, DELIVERIES_FILE: DELIVERIES}
HEADS = {file: [column.name for column in columns] for file, columns in TABLES.items()}
SAME = (  # what must be the same when a run is resumed
    "measured_code",
    "machine",
    "versions",
    "pinning",
    "workloads",
    "transports",
    "push_service",
    "generators",
    "store",
    "workers",
    "deployment",
)


class AnotherRun(ValueError):
    """The folder holds a run that was measured under other conditions."""


class RunFolder:
    """One run. It is partial until `complete` is called."""

    def __init__(self, path: Path, manifest: Mapping[str, Any]) -> None:
        """Make the folder, or resume the run in it. Raises OSError, or AnotherRun if the run has other conditions."""
        self.path = path
        self._cells: dict[Key, dict[str, Any]] = {}
        self._rows: dict[str, dict[Key, bytes]] = {KINDS_FILE: {}, DELIVERIES_FILE: {}}
        if (path / CELLS_FILE).exists():
            self._manifest = self._resumed(manifest)
        else:
            path.mkdir(parents=True, exist_ok=True)
            results: dict[str, Any] = {"settings": {}, "overloaded": [], "verdicts": {}}
            self._manifest = {"run": path.name, "partial": True, **manifest, **results}

    @property
    def done(self) -> dict[Key, str]:
        """The finished measurements, and the limit that each met."""
        overloaded = {Key(*key): Limit.SERVERS for key in self._manifest["overloaded"]}
        return {key: row["limit"] for key, row in self._cells.items()} | overloaded

    @property
    def attempts(self) -> dict[Key, int]:
        """How often each cell was measured, from the first time that succeeded on."""
        return {key: int(row["attempts"]) for key, row in self._cells.items()}

    def add(self, cell: Cell, samples_max: int | None = None) -> None:
        """Write one cell and its deliveries, in place of an earlier measurement of it.

        samples_max: how many deliveries to keep at most; of more, a random sample is kept.
        """
        key = cell.planned.key
        attempts = self.attempts.get(key, 0) + 1
        deliveries: Sequence[Sequence[object]] = cell.deliveries
        if samples_max is not None and len(deliveries) > samples_max:
            drawn = Random(f"{key}").sample(range(len(deliveries)), samples_max)
            deliveries = [deliveries[index] for index in sorted(drawn)]
        if self._cells.pop(key, None):
            self._write()  # without it, until its other rows have been replaced
        self._note_rows(DELIVERIES_FILE, key, deliveries)
        self._note_rows(KINDS_FILE, key, cell.kinds)
        self._manifest["settings"][cell.transport.slug] = dict(cell.settings)
        self._note_verdict(cell.planned, cell.verdict)
        figures = {**cell.figures, "samples": len(deliveries), "attempts": attempts}
        self._cells[key] = {name: figures[name] for name in HEADS[CELLS_FILE]}
        self._write()

    def add_failure(self, planned: Planned, failure: Exception) -> None:
        """Note that a measurement failed. An earlier measurement of the same cell counts instead.

        Where the load is raised up to the limit, an overload of the servers is the result, not a failure.
        """
        if row := self._cells.get(planned.key):
            row["attempts"] = int(row["attempts"]) + 1
            return
        expected = planned.up_to_limit and isinstance(failure, Overloaded)
        if expected:
            self._manifest["overloaded"].append(planned.key)
        self._note_verdict(planned, Verdict(Status.VOID, f"not measured: {failure}", adds_up=expected))
        self._write()

    def slow_cells(self) -> dict[Key, str]:
        """Return the cells that are suspect because the machine was slow, each with the reason."""
        return slow_cells({key: {name: float(row[name]) for name in SPEED} for key, row in self._cells.items()})

    def note_slow(self, plan: Sequence[Planned]) -> dict[Key, Verdict]:
        """Make the valid cells for which the machine was slow suspect, and return their verdicts."""
        slow = self.slow_cells()
        found: dict[Key, Verdict] = {}
        for planned in plan:
            key = planned.key
            if key in slow and self._cells[key]["verdict"] == Status.VALID:
                found[key] = verdict = Verdict(Status.SUSPECT, slow[key])
                self._note_verdict(planned, verdict)
                self._cells[key] |= {"verdict": verdict.status, "reason": verdict.reason}
        self._write()
        return found

    def complete(self) -> None:
        """Mark the run as complete in the manifest."""
        self._manifest["partial"] = False
        self._write()

    def discard_if_empty(self) -> bool:
        """Remove the folder if no measurement was kept in it; return whether none was."""
        with suppress(OSError):  # it holds files
            self.path.rmdir()
        return not (self.path / CELLS_FILE).exists()

    @property
    def partial(self) -> bool:
        return bool(self._manifest["partial"])

    @property
    def adds_up(self) -> bool:
        """Whether every planned measurement was made, and every delivery is accounted for."""
        return all(verdict["adds_up"] for verdict in self._manifest["verdicts"].values())

    def _resumed(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        begun: dict[str, Any] = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        conditions = json.loads(json.dumps(manifest))  # lists for tuples
        if changed := [name for name in SAME if begun.get(name) != conditions.get(name)]:
            raise AnotherRun(
                f"{self.path} holds a run that differs in {', '.join(changed)}, so it cannot be resumed; "
                "name another folder, or remove this one"
            )
        for row in rows_of(self.path / CELLS_FILE):
            self._cells[_key_of(row)] = dict(zip(HEADS[CELLS_FILE], row, strict=True))
        for name in self._rows:
            for key, rows in groupby(rows_of(self.path / name), _key_of):
                if key in self._cells:
                    self._note_rows(name, key, rows)
        return begun

    def _note_verdict(self, planned: Planned, verdict: Verdict) -> None:
        noted = {"verdict": verdict.status, "reason": verdict.reason, "adds_up": verdict.adds_up}
        self._manifest["verdicts"][planned.label(planned.transport.slug)] = noted

    def _note_rows(self, name: str, key: Key, rows: Iterable[Row]) -> None:
        """Note a cell's rows of a table, in place of earlier ones."""
        self._rows[name][key] = encoded(self.path / name, rows)

    def _write(self) -> None:
        """Write every file; the cells as the last one."""
        for name, rows in self._rows.items():
            path = self.path / name
            replace_file(path, encoded(path, [HEADS[name]]) + b"".join(rows.values()))
        text = json.dumps(self._manifest, indent=2, ensure_ascii=False)
        replace_file(self.path / MANIFEST, f"{text}\n".encode())
        path = self.path / CELLS_FILE
        replace_file(path, encoded(path, [HEADS[CELLS_FILE], *(row.values() for row in self._cells.values())]))


def _key_of(row: Sequence[str]) -> Key:
    """Return which cell a row of a table belongs to."""
    scenario, point, slug, repeat, *_ = row
    return Key(scenario, point, slug, int(repeat))


def new_folder(parent: Path, name: str) -> Path:
    """Return a path for a new run, named after the minute; a second run within the minute gets a number."""
    path = parent / f"{datetime.now():%Y-%m-%dT%H-%M}-{name}"
    paths = (path if number == 1 else path.with_name(f"{path.name}-{number}") for number in count(1))
    return next(candidate for candidate in paths if not candidate.exists())
