"""Loads a run, and refuses what must not be charted: void cells, and samples that do not match their counts.

A run is the folder that `results.schema` describes. Everything downstream starts from the frozen `Run` made here, so
no chart and no notebook ever sees a void cell.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from results import schema
from results.schema import CELLS, CELLS_FILE, DELIVERIES, DELIVERIES_FILE, KEY, MANIFEST, Column
from servers import transports

ROOT = Path(schema.__file__).parents[1]
REFERENCE = "results/reference"
CHOICE = "PUSH_OR_POLL_RUN"
KEY_NAMES = [column.name for column in KEY]
RENTED = "rented"


class BrokenRun(ValueError):
    """The folder is not a run, or its tables contradict each other, or nothing in it is valid."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run without its void cells.

    deliveries has two columns beside the schema's: `latency_ms`, from when the open-loop schedule meant the message to
    be sent, so that a stalled server cannot hide behind senders that waited for it; and `after_send_ms`, from when it
    really was sent. void: the cells left out, as "label, repeat 0: reason".
    """

    folder: Path
    manifest: Mapping[str, Any]
    cells: pd.DataFrame
    deliveries: pd.DataFrame
    void: tuple[str, ...]

    @property
    def slugs(self) -> tuple[str, ...]:
        """The transports that have a valid cell, in the registry's order."""
        present = set(self.cells["transport"])
        return tuple(row.slug for row in transports.TRANSPORTS if row.slug in present)

    @property
    def repeats(self) -> int:
        """How often the scenario was repeated, counting those repeats that left a valid cell."""
        return int(self.cells["repeat"].nunique())

    def label_of(self, slug: str) -> str:
        """Return the honest name of a transport: a push service may be a local stand-in, a server somebody else's."""
        return _label(self.manifest, slug)

    def cells_of(self, slug: str) -> pd.DataFrame:
        """Return the valid cells of one transport, a row for each repeat."""
        return self.cells[self.cells["transport"] == slug]

    def deliveries_of(self, slug: str) -> pd.DataFrame:
        """Return the deliveries of one transport, all valid repeats together; raise BrokenRun when it has none."""
        if slug not in self.slugs:
            raise BrokenRun(f"{self.folder} has no valid cell of {slug}; void: {'; '.join(self.void) or 'none'}")
        return self.deliveries[self.deliveries["transport"] == slug]

    def setting(self, name: str) -> float:
        """Return a duration or count of the manifest's scenario or settings; raise BrokenRun when it is not there."""
        for part in ("scenario", "settings"):
            if name in self.manifest.get(part, {}):
                return float(self.manifest[part][name])
        raise BrokenRun(f"{self.folder / MANIFEST} states no {name!r}, neither under 'scenario' nor under 'settings'")


def chosen() -> Run:
    """Load what notebooks read: the run that PUSH_OR_POLL_RUN names, from the repository's root, or the reference."""
    return load(ROOT / os.environ.get(CHOICE, REFERENCE))


def load(folder: str | Path) -> Run:
    """Read the run in that folder; raise BrokenRun, saying what was expected, when there is none to chart."""
    folder = Path(folder)
    manifest = _manifest(folder)
    cells = _table(folder / CELLS_FILE, CELLS)
    deliveries = _table(folder / DELIVERIES_FILE, DELIVERIES)
    is_void = cells["verdict"] == "void"
    void = tuple(
        f"{_label(manifest, str(cell['transport']))}, repeat {cell['repeat']}: {cell['reason']}"
        for cell in cells[is_void].to_dict("records")
    )
    valid = cells[~is_void].reset_index(drop=True)
    if valid.empty:
        raise BrokenRun(f"{folder} has no valid cell to chart; void: {'; '.join(void) or 'none either'}")
    kept = deliveries.merge(valid[KEY_NAMES], on=KEY_NAMES)
    _check_counts(folder, valid, kept)
    kept["latency_ms"] = (kept["received_s"] - kept["intended_s"]) * 1000
    kept["after_send_ms"] = (kept["received_s"] - kept["sent_s"]) * 1000
    return Run(folder, manifest, valid, kept, void)


def _label(manifest: Mapping[str, Any], slug: str) -> str:
    transport = transports.find(slug)
    stand_in = transport.needs_push_service and manifest.get("push_service") != RENTED
    remark = "local stand-in" if stand_in else manifest.get("peer", "")
    return f"{transport.label} ({remark})" if remark else transport.label


def _manifest(folder: Path) -> Mapping[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise BrokenRun(f"{folder} is not a run: expected {MANIFEST} in it. `make compare` makes one in results/")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(manifest, dict):
        raise BrokenRun(f"{path}: expected a JSON object, got {type(manifest).__name__}")
    return manifest


def _table(path: Path, columns: Sequence[Column]) -> pd.DataFrame:
    if not path.is_file():
        raise BrokenRun(f"{path.parent} is not a whole run: expected {path.name} in it")
    header = pd.read_csv(path, nrows=0).columns
    missing = [column.name for column in columns if column.name not in header]
    if missing:
        raise BrokenRun(f"{path} lacks columns of results.schema: {', '.join(missing)}")
    dtypes = {column.name: column.dtype for column in columns}
    untold = {name: ["nan"] for name, dtype in dtypes.items() if dtype == "float64"}
    return pd.read_csv(path, dtype=dtypes, na_values=untold, keep_default_na=False)


def _check_counts(folder: Path, cells: pd.DataFrame, deliveries: pd.DataFrame) -> None:
    """Raise BrokenRun unless each cell has a sample for every delivery that was due, and at least one."""
    samples = deliveries.groupby(KEY_NAMES).size()
    for cell in cells.to_dict("records"):
        found = int(samples.get((cell["transport"], cell["repeat"]), 0))
        if not 0 < found == cell["delivered"] == cell["expected"]:
            raise BrokenRun(
                f"{folder}: {cell['transport']}, repeat {cell['repeat']} is not void, but {cell['expected']} deliveries"
                f" were due, {cell['delivered']} counted, and {found} are in {DELIVERIES_FILE}"
            )
