"""Two runs side by side, load by load: what changed, by how much, and whether that is more than chance.

A change is claimed only if the ranges of the repeats do not overlap and, of a latency, if it is larger than the load
generator's own error (see quantiles.py). Leaves out void cells, and names loads that only one run has.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Group

from notebooks.analysis.prices import BYTES, CPU, REQUESTS, by_repeat, is_uncounted
from notebooks.analysis.quantiles import resolution_on
from notebooks.analysis.runs import BrokenRun, Run, load, loads, manifest_of
from results.terminal import FittedTable, TableRow, columns_of, note

P50, P95 = "p50, ms", "p95, ms"
PRICES = {"requests each": REQUESTS, "bytes each": BYTES, "CPU each, us": CPU}
Load = tuple[str, str, str]
Figures = Mapping[tuple[Load, str], list[float]]
HOW_TO_READ = (
    "More than chance: no repeat of one run lies within the range of the other, and a latency differs by more than the "
    "load generator's own error: {p50_ms:.1f} ms at p50, {p95_ms:.1f} ms (as at p99) at p95. With one repeat there "
    "is no range, and nothing is claimed."
)


class Change(NamedTuple):
    """One figure of one load in both runs, a value for each repeat. error: what the load generator may add to it."""

    load: Load
    figure: str
    first: list[float]
    second: list[float]
    error: float

    @property
    def percent(self) -> float:
        before = median(self.first)
        return 100 * (median(self.second) / before - 1) if before else 0.0

    @property
    def is_claimed(self) -> bool:
        """Whether the ranges of the repeats do not overlap and, of a latency, it is more than the generator's error."""
        if min(len(self.first), len(self.second)) < 2:
            return False
        apart = max(self.first) < min(self.second) or max(self.second) < min(self.first)
        return apart and abs(median(self.second) - median(self.first)) > self.error


def changes(first: Path, second: Path) -> list[Change]:
    """Return every figure of every load that both runs have; raises BrokenRun."""
    error_ms = _errors_ms(second)
    before, after = _figures(first), _figures(second)
    return [
        Change(load, figure, before[load, figure], after[load, figure], error_ms.get(figure, 0.0))
        for load, figure in before
        if (load, figure) in after
    ]


def diff(first: Path, second: Path) -> Group:
    """Return both runs side by side, and how many changes are more than chance; raises BrokenRun."""
    found = changes(first, second)
    in_first, in_second = ({load for load, _ in _figures(folder)} for folder in (first, second))
    only = sorted(in_first.symmetric_difference(in_second))
    p50_ms, p95_ms = _errors_ms(second).values()
    notes = [HOW_TO_READ.format(p50_ms=p50_ms, p95_ms=p95_ms)] if found else []
    notes += [f"Only in one of the runs: {'; '.join(map(_name, only))}."] if only else []
    claimed = sum(change.is_claimed for change in found)
    table = FittedTable(columns_of("diff"), list(map(_row, found)))
    return Group(table, *map(note, [*notes, f"{claimed} changes are more than chance."]))


def _errors_ms(folder: Path) -> dict[str, float]:
    found_ms = resolution_on(folder, manifest_of(folder).get("machine", {}))
    return {P50: found_ms[0.50], P95: found_ms[0.99]}


def _row(change: Change) -> TableRow:
    before, after = f"{median(change.first):,.3g}", f"{median(change.second):,.3g}"
    claimed = "yes" if change.is_claimed else "no"
    cells = (_name(change.load), change.figure, before, after, f"{change.percent:+.0f}", claimed)
    return TableRow(cells, style="bold" if change.is_claimed else "")


def _name(load: Load) -> str:
    return ", ".join(filter(None, load))


def _figures(folder: Path) -> Figures:
    """Return the figures of each load, a value for each repeat that is not void; raises BrokenRun."""
    found: dict[tuple[Load, str], list[float]] = {}
    for scenario, point in loads(folder):
        with suppress(BrokenRun):  # all of its cells are void
            run = load(folder, scenario, point)
            for slug in run.slugs:
                found |= {((scenario, point, slug), name): values for name, values in _of(run, slug)}
    return found


def _of(run: Run, slug: str) -> Iterator[tuple[str, list[float]]]:
    """Yield the figures of a transport, as far as its server counts them: requests, bytes, CPU time, and latencies."""
    for name, measure in PRICES.items():
        if not is_uncounted(run, slug, measure):
            yield name, list(by_repeat(run.cells_of(slug), measure))
    for name, column in ((P50, "latency_p50_s"), (P95, "latency_p95_s")):
        yield name, list(1000 * run.quantiles_of(slug)[column])
