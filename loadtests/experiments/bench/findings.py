"""What was measured, with its target: as a table for people, and as a file for later.

A finding is judged by its median. A missed target is printed as missed, with the figure; a comparison whose pairs were
all void has no figure at all.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.text import Text

from loadtests.experiments.bench.measured_server import cores
from loadtests.experiments.bench.pairs import Pairs, three_digits
from loadtests.reports.tables import write_text
from results.terminal import FittedTable, TableRow, columns_of

RESULTS = Path(__file__).parents[3] / "results"
COLUMNS = columns_of("bench")
COLOURS = {"met": "green", "missed": "red", "void": "red", "": "dim"}
PACKAGES = ("uvicorn", "starlette", "websockets", "httptools", "uvloop", "msgspec")


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for a figure. at_least: whether more is better."""

    bound: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class BenchFinding:
    """One row: a value for every pair or repeat, in `unit`. voids: why other pairs do not count.

    grows_with, size: of a cost that is measured in several sizes, what grows and how much of it there was.
    """

    name: str
    unit: str
    values: list[float]
    target: Target | None = None
    note: str = ""
    voids: list[str] = field(default_factory=list)
    pairs: list[Any] = field(default_factory=list)
    grows_with: str = ""
    size: int = 0

    @property
    def verdict(self) -> str:
        """`met` or `missed`, by the median; `void` without values, empty without a target."""
        if not self.values:
            return "void"
        if self.target is None:
            return ""
        return "met" if self.target.met_by(median(self.values)) else "missed"


def grown(grows_with: str, cost: str, size: int, value: float) -> BenchFinding:
    """Return a cost at one size of what grows. cost: the unit of the figure, then what the figure counts."""
    unit, _, note = cost.partition(" ")
    return BenchFinding(f"{size:,} {grows_with}", unit, [value], note=note, grows_with=grows_with, size=size)


def compared(name: str, pairs: Pairs, target: Target | None, note: str) -> BenchFinding:
    """Return the finding of a comparison: the ratios of its pairs."""
    return BenchFinding(name, "ratio", pairs.ratios, target, note, pairs.voids, list(pairs.valid))


def show(console: Console, findings: Sequence[BenchFinding]) -> None:
    """Print the table, and below it a note on each figure."""
    console.print(f"\n{cores().label}\n", markup=False)
    console.print(FittedTable(COLUMNS, list(map(_row, findings)), list(filter(None, map(_note, findings)))))


def _row(finding: BenchFinding) -> TableRow:
    values = finding.values
    middle = three_digits(median(values)) if values else "-"
    limits = f"{three_digits(min(values))} to {three_digits(max(values))}" if values else "-"
    target = str(finding.target or "")
    verdict = Text(finding.verdict, style=COLOURS[finding.verdict])
    return TableRow((finding.name, middle, finding.unit, limits, str(len(values)), target, verdict))


def _note(finding: BenchFinding) -> str:
    """Return the note on a finding and the reasons of its void pairs; empty if there are neither."""
    parts = [finding.note] if finding.note else []
    parts += [f"void: {reason}" for reason in finding.voids]
    return f"{finding.name}: {'; '.join(parts)}" if parts else ""


def write(findings: Sequence[BenchFinding], path: Path, quick: bool) -> None:
    """Write what was found so far, with machine and versions. quick: whether its figures mean nothing."""
    record = {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "cores": cores().label,
        "quick": quick,
        "findings": [asdict(finding) | {"verdict": finding.verdict} for finding in findings],
    }
    write_text(path, json.dumps(record, indent=2) + "\n")
