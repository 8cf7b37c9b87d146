"""Two runs side by side, cell by cell: what changed, by how much, and whether that is more than chance.

Teaches that two medians always differ. A change is claimed only if the ranges of the repeats do not overlap and, of a
latency, if it is larger than the load generator's own error (the newest calibration beside the second run; without one
what trials showed). Reads `cells.csv` and `kinds.csv`; leaves out void cells, and names loads that only one run has.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import isnan
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Console

from results.schema import CALIBRATIONS, CELLS_FILE, KINDS_FILE
from results.terminal import FittedTable, TableColumn, TableRow, note

UNCALIBRATED_MS = 1.0
P50, P95 = "p50, ms", "p95, ms"
Load = tuple[str, str, str]
COLUMNS = (
    TableColumn("load", text=True, min_width=20),
    TableColumn("figure", text=True, min_width=12),
    TableColumn("first", "median"),
    TableColumn("second", "median"),
    TableColumn("change", "%"),
    TableColumn("more than chance", text=True, min_width=10),
)
HOW_TO_READ = (
    "More than chance: no repeat of one run lies within the range of the other, and a latency differs by more than the "
    "load generator's own error, {error_ms:.1f} ms. With one repeat there is no range, and nothing is claimed."
)


class Change(NamedTuple):
    """One figure of one load in both runs, a value for each repeat."""

    load: Load
    figure: str
    first: list[float]
    second: list[float]

    @property
    def percent(self) -> float:
        before = median(self.first)
        return 100 * (median(self.second) / before - 1) if before else 0.0

    def is_claimed(self, error_ms: float) -> bool:
        """Return whether it is more than the repeats, and of a latency the generator's error, allow."""
        if min(len(self.first), len(self.second)) < 2:
            return False
        apart = max(self.first) < min(self.second) or max(self.second) < min(self.first)
        least = error_ms if self.figure in (P50, P95) else 0.0
        return apart and abs(median(self.second) - median(self.first)) > least


def changes(first: Path, second: Path) -> list[Change]:
    """Return every figure of every load that both runs have. Raises OSError if one is no run."""
    before, after = _figures(first), _figures(second)
    return [
        Change(load, name, values, after[load][name])
        for load, figures in before.items()
        if load in after
        for name, values in figures.items()
        if name in after[load]
    ]


def print_diff(console: Console, first: Path, second: Path) -> int:
    """Print both runs side by side; return how many changes are more than chance."""
    found, error_ms = changes(first, second), generator_error_ms(second)
    rows = [_row(change, error_ms) for change in found]
    console.print(FittedTable(COLUMNS, rows))
    only = sorted(set(_figures(first)) ^ set(_figures(second)))
    console.print(note(HOW_TO_READ.format(error_ms=error_ms)))
    if only:
        console.print(note(f"Only in one of the runs: {'; '.join(', '.join(filter(None, load)) for load in only)}."))
    return sum(change.is_claimed(error_ms) for change in found)


def generator_error_ms(folder: Path) -> float:
    """Return the load generator's error at the median: the worst of the newest calibration beside a run."""
    for place in (folder, folder.parent):
        for path in sorted(place.glob(CALIBRATIONS), reverse=True):
            rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
            return float(max(row["overall"]["p50_ms"] for row in rows))
    return UNCALIBRATED_MS


def _row(change: Change, error_ms: float) -> TableRow:
    claimed = change.is_claimed(error_ms)
    values = (f"{median(each):,.3g}" for each in (change.first, change.second))
    load = ", ".join(filter(None, change.load))
    return TableRow(
        (load, change.figure, *values, f"{change.percent:+.0f}", "yes" if claimed else "no"),
        style="bold" if claimed else "",
    )


def _figures(folder: Path) -> Mapping[Load, Mapping[str, list[float]]]:
    """Return the figures of each load, a value for each repeat that is not void."""
    found: defaultdict[Load, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    void = set()
    for cell in _rows(folder / CELLS_FILE):
        if cell["verdict"] == "void":
            void.add((_load(cell), cell["repeat"]))
        elif delivered := float(cell["delivered"]):
            for name, value in _prices(cell):
                found[_load(cell)][name].append(value / delivered)
    for kind in _rows(folder / KINDS_FILE):
        if kind["kind"] == "message" and (_load(kind), kind["repeat"]) not in void:
            for name, column in ((P50, "latency_p50_s"), (P95, "latency_p95_s")):
                found[_load(kind)][name].append(1000 * float(kind[column]))
    return found


def _prices(cell: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    """Yield what all deliveries of a cell took: requests, bytes and CPU time."""
    sums = {
        "requests each": ("requests_send", "requests_receive", "requests_upkeep"),
        "bytes each": ("client_up_bytes", "client_down_bytes", "publish_bytes"),
        "CPU each, us": ("api_cpu_s", "store_cpu_s", "push_service_cpu_s"),
    }
    for name, columns in sums.items():
        total = sum(float(cell[column]) for column in columns)
        if not isnan(total):  # a server that does not count it
            yield name, 1e6 * total if name.endswith("us") else total


def _load(row: Mapping[str, str]) -> Load:
    return row["scenario"], row["point"], row["transport"]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
