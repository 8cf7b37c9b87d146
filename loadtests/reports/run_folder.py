"""The folder of one run, written as the run goes on, so that every finished measurement is kept.

Teaches that a result is worth nothing without its manifest. The manifest is written last, with the length of each
table: what an interrupted run appended beyond that length is cut off when the run is resumed.
"""

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from loadtests.accounts.cell import Cell
from loadtests.accounts.predictions import Limit
from loadtests.accounts.verdict import SPEED, Status, Verdict, slow_cells
from loadtests.harness.children import Overloaded
from loadtests.reports.tables import open_table, rewrite, write_rows, write_text
from loadtests.scenarios import Key, Planned
from results.schema import CELLS, CELLS_FILE, DELIVERIES, DELIVERIES_FILE, KEY, KINDS, KINDS_FILE, MANIFEST

TABLES = {CELLS_FILE: CELLS, KINDS_FILE: KINDS, DELIVERIES_FILE: DELIVERIES}
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
    "load",
)


class AnotherRun(ValueError):
    """The folder holds a run that was measured under other conditions."""


class RunFolder:
    """One run. It is partial until `complete` is called.

    done: the finished measurements, and the limit that each met. attempts: how often each of them was tried, from the
    first that succeeded on.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any]) -> None:
        """Make the folder, or resume the run in it. Raises OSError, or AnotherRun if the run has other conditions."""
        self.path = path
        self.done: dict[Key, str] = {}
        self.attempts: dict[Key, int] = {}
        self._speed: dict[Key, dict[str, float]] = {}
        if (path / MANIFEST).exists():
            self._manifest = self._resumed(manifest)
            if not self._manifest["table_bytes"]:  # it was interrupted between the rewriting of two tables
                kept = [_texts(key) for key in self.done]
                self._rewrite((KINDS_FILE, DELIVERIES_FILE), lambda row: row if row[: len(KEY)] in kept else None)
        else:
            path.mkdir(parents=True, exist_ok=True)
            results: dict[str, Any] = {"settings": {}, "overloaded": [], "verdicts": {}, "table_bytes": {}}
            self._manifest = {"run": path.name, "partial": True, **manifest, **results}
            for name, columns in TABLES.items():
                write_rows(self.path / name, "w", [[column.name for column in columns]])
            self._write_manifest()

    def add(self, cell: Cell, samples_max: int | None = None) -> None:
        """Write one cell and its deliveries, in place of an earlier measurement of it.

        samples_max: how many deliveries to keep at most; of more, a random sample is kept.
        """
        if (key := cell.planned.key) in self._speed:
            self._rewrite(TABLES, lambda row: None if row[: len(key)] == _texts(key) else row)
        attempts = self.attempts.get(key, 0) + 1
        deliveries: Sequence[Sequence[object]] = cell.deliveries
        if samples_max is not None and len(deliveries) > samples_max:
            drawn = Random(f"{key}").sample(range(len(deliveries)), samples_max)
            deliveries = [deliveries[index] for index in sorted(drawn)]
        write_rows(self.path / DELIVERIES_FILE, "a", deliveries)
        write_rows(self.path / KINDS_FILE, "a", cell.kinds)
        figures = {**cell.figures, "samples": len(deliveries), "attempts": attempts}
        write_rows(self.path / CELLS_FILE, "a", [[figures[column.name] for column in CELLS]])
        self._manifest["settings"][cell.transport.slug] = dict(cell.settings)
        self._note_done(key, {name: str(figure) for name, figure in figures.items()})
        self._note_verdict(cell.planned, cell.verdict)

    def add_failure(self, planned: Planned, failure: Exception) -> None:
        """Note that a measurement failed. An earlier measurement of the same cell counts instead.

        Where the load is raised up to the limit, an overload of the servers is the result, not a failure.
        """
        if planned.key in self.attempts:
            self.attempts[planned.key] += 1
            self._change({planned.key: {"attempts": self.attempts[planned.key]}})
            return
        expected = planned.up_to_limit and isinstance(failure, Overloaded)
        if expected:
            self.done[planned.key] = Limit.SERVERS
            self._manifest["overloaded"].append(planned.key)
        self._note_verdict(planned, Verdict(Status.VOID, f"not measured: {failure}", adds_up=expected))

    def slow_cells(self) -> dict[Key, str]:
        """Return the cells that are suspect because the machine was slow, each with the reason."""
        return slow_cells(self._speed)

    def note_slow(self, plan: Sequence[Planned]) -> dict[Key, Verdict]:
        """Make the valid cells for which the machine was slow suspect, and return their verdicts."""
        slow = self.slow_cells()
        found: dict[Key, Verdict] = {}
        for planned in plan:
            label = planned.label(planned.transport.slug)
            if planned.key in slow and self._manifest["verdicts"][label]["verdict"] == Status.VALID:
                found[planned.key] = Verdict(Status.SUSPECT, slow[planned.key])
        if found:
            self._change({key: {"verdict": each.status, "reason": each.reason} for key, each in found.items()})
        for planned in plan:
            if planned.key in found:
                self._note_verdict(planned, found[planned.key])
        return found

    def complete(self) -> None:
        """Mark the run as complete in the manifest."""
        self._manifest["partial"] = False
        self._write_manifest()

    def discard_if_empty(self) -> bool:
        """Remove the folder if no measurement was kept in it; return whether it was removed."""
        if self.done or self._manifest["verdicts"]:
            return False
        for name in (*TABLES, MANIFEST):
            (self.path / name).unlink()
        with suppress(OSError):  # it holds files of others
            self.path.rmdir()
        return True

    @property
    def partial(self) -> bool:
        return bool(self._manifest["partial"])

    @property
    def adds_up(self) -> bool:
        """Whether every planned measurement was made, and every delivery is accounted for."""
        return all(verdict["adds_up"] for verdict in self._manifest["verdicts"].values())

    def _note_verdict(self, planned: Planned, verdict: Verdict) -> None:
        noted = {"verdict": verdict.status, "reason": verdict.reason, "adds_up": verdict.adds_up}
        self._manifest["verdicts"][planned.label(planned.transport.slug)] = noted
        self._write_manifest()

    def _resumed(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        begun: dict[str, Any] = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        conditions = json.loads(json.dumps(manifest))  # lists for tuples
        if changed := [name for name in SAME if begun.get(name) != conditions.get(name)]:
            raise AnotherRun(
                f"{self.path} holds a run that differs in {', '.join(changed)}, so it cannot be resumed; "
                "name another folder, or remove this one"
            )
        for name, length in begun["table_bytes"].items():
            os.truncate(self.path / name, min(length, (self.path / name).stat().st_size))
        with open_table(self.path / CELLS_FILE, "r") as file:
            for row in csv.DictReader(file):
                scenario, point, slug, repeat = (row[column.name] for column in KEY)
                self._note_done(Key(scenario, point, slug, int(repeat)), row)
        self.done.update({Key(*key): Limit.SERVERS for key in begun["overloaded"]})
        return begun

    def _note_done(self, key: Key, row: Mapping[str, str]) -> None:
        self.done[key] = row["limit"]
        self.attempts[key] = int(row["attempts"])
        self._speed[key] = {name: float(row[name]) for name in SPEED}

    def _change(self, figures: Mapping[Key, Mapping[str, object]]) -> None:
        """Write other figures, by their columns, into the rows of some cells."""
        by_texts = {tuple(_texts(key)): changed for key, changed in figures.items()}
        names = [column.name for column in CELLS]

        def changed(row: list[str]) -> list[str]:
            others = by_texts.get(tuple(row[: len(KEY)]), {})
            return [str(others.get(name, text)) for name, text in zip(names, row, strict=True)]

        self._rewrite([CELLS_FILE], changed)

    def _rewrite(self, names: Iterable[str], changed: Callable[[list[str]], list[str] | None]) -> None:
        """Rewrite tables. Meanwhile the manifest has no lengths, so that after an interruption nothing is cut off."""
        self._write_manifest(sized=())
        for name in names:
            rewrite(self.path / name, changed)
        self._write_manifest()

    def _write_manifest(self, sized: Iterable[str] = tuple(TABLES)) -> None:
        """Write the manifest atomically, with the lengths of these tables."""
        self._manifest["table_bytes"] = {name: (self.path / name).stat().st_size for name in sized}
        text = json.dumps(self._manifest, indent=2, ensure_ascii=False)
        write_text(self.path / MANIFEST, f"{text}\n")


def _texts(key: Key) -> list[str]:
    """Return a key as the first texts of a table's row."""
    return list(map(str, key))


def new_folder(parent: Path, name: str) -> Path:
    """Return a path for a new run, named after the minute; a second run within the minute gets a number."""
    path = parent / f"{datetime.now():%Y-%m-%dT%H-%M}-{name}"
    paths = (path if number == 1 else path.with_name(f"{path.name}-{number}") for number in count(1))
    return next(candidate for candidate in paths if not candidate.exists())
