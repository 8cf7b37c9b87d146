"""The folder of one run: written as the run goes on, so that whatever was measured is kept.

Teaches that a result without its circumstances is a rumour: the manifest says on which commit, machine and versions,
with which scenario, seed and settings. What crosses to the notebooks is only these files, in the format of
`results.schema`.
"""

import csv
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from loadtests.cell import Cell
from results.schema import CELLS, CELLS_FILE, DELIVERIES, DELIVERIES_FILE, KINDS, KINDS_FILE, MANIFEST, Column


class RunFolder:
    """`results/<run>/`. It counts as partial until `complete` is called."""

    def __init__(self, parent: Path, scenario: str, manifest: Mapping[str, Any]) -> None:
        """Make the folder, named after the minute and the scenario; raises OSError."""
        self.path = _fresh(parent / f"{datetime.now():%Y-%m-%dT%H-%M}-{scenario}")
        self._manifest = {"run": self.path.name, "partial": True, **manifest, "verdicts": {}}
        self._write_manifest()
        self._append(CELLS_FILE, CELLS, [])
        self._append(KINDS_FILE, KINDS, [])
        self._append(DELIVERIES_FILE, DELIVERIES, [])

    def add(self, cell: Cell) -> None:
        """Keep one cell and its deliveries."""
        self._append(CELLS_FILE, CELLS, [[cell.figures[column.name] for column in CELLS]])
        self._append(KINDS_FILE, KINDS, cell.kinds)
        self._append(DELIVERIES_FILE, DELIVERIES, cell.deliveries)
        self._manifest["settings"] = dict(cell.settings)
        self.note_verdict(cell.planned.told(cell.transport.slug), cell.verdict.word, cell.verdict.reason)

    def note_verdict(self, measurement: str, word: str, reason: str) -> None:
        """Put a verdict into the manifest; for what could not be measured, it is all there is."""
        self._manifest["verdicts"][measurement] = {"verdict": word, "reason": reason}
        self._write_manifest()

    def complete(self) -> None:
        """Say in the manifest that nothing is missing."""
        self._manifest["partial"] = False
        self._write_manifest()

    @property
    def partial(self) -> bool:
        return bool(self._manifest["partial"])

    def _write_manifest(self) -> None:
        text = json.dumps(self._manifest, indent=2, ensure_ascii=False)
        (self.path / MANIFEST).write_text(text + "\n", encoding="utf-8")

    def _append(self, name: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
        """Append rows to a table, after its header if it is new. (Compressed files may be concatenated.)"""
        path = self.path / name
        is_new = not path.exists()
        with gzip.open(path, "at", newline="") if path.suffix == ".gz" else path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(column.name for column in columns)
            writer.writerows(rows)


def _fresh(path: Path) -> Path:
    """Make the folder; a second run within the minute gets a number."""
    for number in range(1, 100):
        candidate = path if number == 1 else path.with_name(f"{path.name}-{number}")
        if not candidate.exists():
            candidate.mkdir(parents=True)
            return candidate
    raise FileExistsError(f"{path}: a hundred runs of this minute exist; move them away")
