"""What was measured, beside what was asked for: a table for people, and a file for later.

A finding is judged by its median. A missed target is printed as missed, with the figure; a comparison whose pairs were
all void has no figure at all.
"""

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtests.bench.pairs import Pairs, digits, spread
from loadtests.bench.processes import cores

RESULTS = Path(__file__).parents[2] / "results"
PACKAGES = ("uvicorn", "starlette", "websockets", "httptools", "uvloop", "msgspec")


@dataclass(frozen=True, slots=True)
class Target:
    """at_least: whether more is better."""

    bound: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: a value for every pair or repeat, in `unit`. voids: why other pairs do not count."""

    name: str
    unit: str
    values: list[float]
    target: Target | None = None
    note: str = ""
    voids: list[str] = field(default_factory=list)
    pairs: list[Any] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Say `met` or `missed` by the median; `void` without values, empty without a target."""
        if not self.values:
            return "void"
        if self.target is None:
            return ""
        return "met" if self.target.met_by(spread(self.values).median) else "missed"


def compared(name: str, pairs: Pairs, target: Target | None, note: str) -> Finding:
    """Return the finding of a comparison: the ratios of its pairs."""
    return Finding(name, "ratio", pairs.ratios, target, note, pairs.voids, list(pairs.valid))


def show(findings: Sequence[Finding]) -> None:
    """Print the table."""
    table = Table("measurement", "unit", "median", "range", "n", "target", "verdict", title=cores().told)
    colours = {"met": "green", "missed": "red", "void": "red", "": "dim"}
    for each in findings:
        median, low, high = map(digits, spread(each.values)) if each.values else ("-", "-", "-")
        note = each.note + "".join(f"; void: {reason}" for reason in each.voids)
        cells = [f"{each.name}\n[dim]{escape(note)}[/]", each.unit, median, f"{low} to {high}", str(len(each.values))]
        table.add_row(*cells, str(each.target or ""), f"[{colours[each.verdict]}]{each.verdict}[/]")
    Console().print(table)


def write(findings: Sequence[Finding], folder: Path = RESULTS) -> Path:
    """Write everything to `bench-<time>.json`, with machine and versions; return where."""
    path = folder / f"bench-{time.strftime('%Y%m%dT%H%M%S')}.json"
    made = {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "cores": cores().told,
        "findings": [asdict(each) | {"verdict": each.verdict} for each in findings],
    }
    path.write_text(json.dumps(made, indent=2) + "\n")
    return path
