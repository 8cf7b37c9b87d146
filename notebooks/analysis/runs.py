"""Loads a run, and refuses what must not be charted: void cells, and samples that do not match their counts.

`results/README.md` describes the folder of a run. All charts and notebooks start from the frozen `Run` made here, so
none of them ever shows a void cell.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from results.schema import CELLS, CELLS_FILE, DELIVERIES, DELIVERIES_FILE, KEY, KINDS, KINDS_FILE, MANIFEST, Column
from servers import transports
from servers.transports import Reads

ROOT = Path(__file__).parents[2]
REFERENCE = "results/reference"
CHOICE = "PUSH_OR_POLL_RUN"
MESSAGE = "message"
KEY_NAMES = [column.name for column in KEY]


class BrokenRun(ValueError):
    """The folder is not a run, or its tables contradict each other, or nothing in it is valid."""


class NothingValid(BrokenRun):
    """All cells of a load are void, or it has none."""


@dataclass(frozen=True, slots=True)
class Run:
    """One load of one run, without its void cells.

    scenario, point: which load it is, as in `results.schema`.
    cells has two more columns than the schema, `up_bytes` and `down_bytes`: the clients' counts, else the servers'.
    deliveries: those of messages (in a full run a sample of them), with one more column, `latency_ms`. It counts from
    the moment of the open-loop schedule, so that it includes the time for which a stalled server delayed the sender.
    kinds: counts of each kind of event, with the quantiles of all its deliveries. void: the cells left out, as
    "label, repeat 0: reason".
    """

    folder: Path
    scenario: str
    point: str
    manifest: Mapping[str, Any]
    cells: pd.DataFrame
    deliveries: pd.DataFrame
    kinds: pd.DataFrame
    void: tuple[str, ...]

    @property
    def slugs(self) -> tuple[str, ...]:
        """The transports that have a valid cell, in the registry's order."""
        return in_registry_order(self.cells["transport"])

    @property
    def is_polled(self) -> bool:
        """Whether a transport of this run pauses between its requests, so that the poll interval matters."""
        return any(transports.find(slug).reads is Reads.POLL for slug in self.slugs)

    @property
    def repeats(self) -> int:
        """How often the scenario was repeated, counting those repeats that left a valid cell."""
        return int(self.cells["repeat"].nunique())

    def label_of(self, slug: str) -> str:
        """Return a transport's label, with the push service if it is a local stand-in."""
        return label(self.manifest, slug)

    def cells_of(self, slug: str) -> pd.DataFrame:
        """Return the valid cells of one transport, a row for each repeat; raise BrokenRun when it has none."""
        return self._of(slug, self.cells)

    def deliveries_of(self, slug: str) -> pd.DataFrame:
        """Return the deliveries of one transport, all valid repeats together; raise BrokenRun when it has none."""
        return self._of(slug, self.deliveries)

    def quantiles_of(self, slug: str, kind: str = MESSAGE) -> pd.DataFrame:
        """Return the exact quantiles of one kind of event by one transport, by valid repeat; raise BrokenRun."""
        return self._of(slug, self.kinds[self.kinds["kind"] == kind])

    def _of(self, slug: str, rows: pd.DataFrame) -> pd.DataFrame:
        if slug not in self.slugs:
            raise BrokenRun(f"{self.folder} has no valid cell of {slug}; void: {'; '.join(self.void) or 'none'}")
        return rows[rows["transport"] == slug]

    @property
    def workload(self) -> Mapping[str, Any]:
        """The fields of the load; none if the manifest lacks it."""
        loads = self.manifest.get("workloads", [])
        return next((load for load in loads if (load["scenario"], load["point"]) == (self.scenario, self.point)), {})

    def setting(self, name: str) -> float:
        """Return a duration or count of the manifest's workload or settings; raise BrokenRun when it is not there."""
        for part in (self.workload, *self.manifest.get("settings", {}).values()):
            if name in part:
                return float(part[name])
        raise BrokenRun(f"{self.folder / MANIFEST} states no {name!r}, neither under 'workloads' nor under 'settings'")


def chosen_folder() -> Path:
    """Return the run that notebooks read: the one that PUSH_OR_POLL_RUN names, from the root, or the reference."""
    return ROOT / os.environ.get(CHOICE, REFERENCE)


def chosen(scenario: str | None = None, point: str | None = None) -> Run:
    """Load a load of the run that notebooks read, the first unless named; raise BrokenRun when there is none."""
    return load(chosen_folder(), scenario, point)


def points(folder: Path, scenario: str) -> dict[str, Run]:
    """Load every load of a scenario that has a valid cell, by its point; raise NothingValid when there is none.

    A run that lacks the scenario may have a folder with a run of that scenario alone.
    """
    if (folder / scenario / CELLS_FILE).is_file():
        folder = folder / scenario
    found: dict[str, Run] = {}
    for point in [point for name, point in loads(folder) if name == scenario]:
        with suppress(NothingValid):
            found[point] = load(folder, scenario, point)
    if not found:
        missing = f"{folder} has no valid cell of {scenario}"
        raise NothingValid(f"{missing}; `make compare ARGS=--full` measures every scenario")
    return found


def load(folder: Path, scenario: str | None = None, point: str | None = None) -> Run:
    """Read one load of the run in that folder, the first unless named; raise BrokenRun when there is none to chart."""
    manifest = manifest_of(folder)
    cells = table_of(folder / CELLS_FILE, CELLS)
    deliveries = table_of(folder / DELIVERIES_FILE, DELIVERIES)
    nothing = f"none of {scenario} either" if scenario else "none either"
    named = ((name, at) for name, at in loads(folder) if scenario in (None, name) and point in (None, at))
    scenario, point = next(named, ("", ""))
    cells = cells[(cells["scenario"] == scenario) & (cells["point"] == point)]
    is_void = cells["verdict"] == "void"
    void = tuple(
        f"{label(manifest, str(cell['transport']))}, repeat {cell['repeat']}: {cell['reason']}"
        for cell in cells[is_void].to_dict("records")
    )
    valid = cells[~is_void].reset_index(drop=True)
    if valid.empty:
        raise NothingValid(f"{folder} has no valid cell to chart; void: {'; '.join(void) or nothing}")
    for direction in ("up", "down"):
        by_server = valid[f"server_{direction}_bytes"]
        valid[f"{direction}_bytes"] = valid[f"client_{direction}_bytes"].fillna(by_server)
    deliveries = deliveries.merge(valid[KEY_NAMES], on=KEY_NAMES)
    _check_counts(folder, valid, deliveries)
    messages = deliveries[deliveries["kind"] == MESSAGE].reset_index(drop=True)
    messages["latency_ms"] = (messages["received_s"] - messages["intended_s"]) * 1000
    kinds = table_of(folder / KINDS_FILE, KINDS).merge(valid[KEY_NAMES], on=KEY_NAMES)
    return Run(folder, scenario, point, manifest, valid, messages, kinds, void)


def loads(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return scenario and point of every load in a run, in the order in which they were measured first."""
    cells = table_of(folder / CELLS_FILE, CELLS)
    return tuple(dict.fromkeys(zip(cells["scenario"], cells["point"], strict=True)))


def in_registry_order(slugs: Iterable[str]) -> tuple[str, ...]:
    """Return each of these transports once, in the order of the registry."""
    present = set(slugs)
    return tuple(row.slug for row in transports.TRANSPORTS if row.slug in present)


def label(manifest: Mapping[str, Any], slug: str) -> str:
    """Return a transport's label in a run or a record, with the local stand-in that served it."""
    return transports.find(slug).label_for(manifest.get("push_service", transports.LOCAL_STAND_IN))


def manifest_of(folder: Path) -> Mapping[str, Any]:
    """Read the manifest of a run; raise BrokenRun when the folder is no run."""
    path = folder / MANIFEST
    if not path.is_file():
        raise BrokenRun(f"{folder} is not a run: expected {MANIFEST} in it. `make compare` makes one in results/")
    manifest: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def table_of(path: Path, columns: Sequence[Column]) -> pd.DataFrame:
    """Read a table of a run, void cells included; raise BrokenRun when it is not there, cut off, or lacks a column."""
    if not path.is_file():
        raise BrokenRun(f"{path.parent} is not a whole run: expected {path.name} in it")
    try:
        table = _parsed(path, path.stat().st_mtime_ns, tuple((column.name, column.dtype) for column in columns))
    except (ValueError, EOFError, OSError) as error:
        how = "If the run was interrupted, the same `--full` command repairs it"
        raise BrokenRun(f"{path} is cut off or damaged: {error}. {how}") from error
    if missing := [column.name for column in columns if column.name not in table]:
        raise BrokenRun(f"{path} lacks columns of results.schema: {', '.join(missing)}")
    return table


@lru_cache(maxsize=8)
def _parsed(path: Path, _written_ns: int, dtypes: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    """Read a table once for all loads of a run; callers must not change it."""
    may_be_nan = {name: ["nan"] for name, dtype in dtypes if dtype == "float64"}
    return pd.read_csv(path, dtype=dict(dtypes), keep_default_na=False, na_values=may_be_nan)


def _check_counts(folder: Path, cells: pd.DataFrame, deliveries: pd.DataFrame) -> None:
    """Raise BrokenRun unless each cell has all due deliveries, and as many samples as it says, at least one."""
    samples = deliveries.groupby(KEY_NAMES).size()
    for cell in cells.to_dict("records"):
        found = int(samples.get(tuple(cell[name] for name in KEY_NAMES), 0))
        if not 0 < found == cell["samples"] or cell["delivered"] != cell["expected"]:
            raise BrokenRun(
                f"{folder}: {cell['transport']}, repeat {cell['repeat']} is not void, but of {cell['expected']} "
                f"deliveries {cell['delivered']} came, and {DELIVERIES_FILE} has {found} of {cell['samples']} samples"
            )
