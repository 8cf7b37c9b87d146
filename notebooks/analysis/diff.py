"""Two runs side by side: what changed, by how much, whether that is more than chance, and where both agree.

A change is claimed only if the ranges of the repeats do not overlap and, of a latency, if it is larger than the load
generator's own error (see quantiles.py); the same rule says which of two transports ranks above the other. Leaves out
void cells, and names loads that only one run has.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Group

from notebooks.analysis.claims import ledger
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
        return _is_less(self.first, self.second, self.error) or _is_less(self.second, self.first, self.error)


class Ranking(NamedTuple):
    """By one figure of one load, a transport is below another, and that is more than chance."""

    scenario: str
    point: str
    figure: str
    lower: str
    higher: str

    @property
    def reversed(self) -> "Ranking":
        """The opposite ranking."""
        return self._replace(lower=self.higher, higher=self.lower)

    def __str__(self) -> str:
        return f"{_name((self.scenario, self.point, self.figure))}: {self.lower} below {self.higher}"


class Side(NamedTuple):
    """One of the two runs: the values of each figure of each load, and what the load generator may add to a latency."""

    folder: Path
    figures: Figures
    error_ms: Mapping[str, float]

    def rankings(self, other: "Side") -> set[Ranking]:
        """Return which transport is below which, by the figures that the other run has too."""
        found = set()
        for low, high in permutations(self.figures.keys() & other.figures.keys(), 2):
            (scenario, point, lower), figure = low
            (*load, higher), other_figure = high
            error = self.error_ms.get(figure, 0.0)
            is_pair = (scenario, point, figure) == (*load, other_figure)
            if is_pair and _is_less(self.figures[low], self.figures[high], error):
                found.add(Ranking(scenario, point, figure, lower, higher))
        return found


def side(folder: Path) -> Side:
    """Read a run; raises BrokenRun."""
    found_ms = resolution_on(folder, manifest_of(folder).get("machine", {}))
    return Side(folder, _figures(folder), {P50: found_ms[0.50], P95: found_ms[0.99]})


def changes(first: Side, second: Side) -> list[Change]:
    """Return every figure of every load that both runs have."""
    return [
        Change(*key, values, second.figures[key], second.error_ms.get(key[1], 0.0))
        for key, values in first.figures.items()
        if key in second.figures
    ]


def on_rankings(first: Side, second: Side) -> list[str]:
    """Return in sentences which rankings of the first run the second one has."""
    claimed, again = first.rankings(second), second.rankings(first)
    contradicted = sorted(ranking for ranking in claimed if ranking.reversed in again)
    unclear = sorted(claimed - again - set(contradicted))
    return [
        f"Rankings by more than chance in the first run: {len(claimed)}. In the second run {len(claimed & again)} are "
        f"the same, {len(unclear)} are within chance, and {len(contradicted)} are reversed.",
        *(f"Reversed: {ranking}." for ranking in contradicted),
        *(f"Within chance: {ranking}." for ranking in unclear),
    ]


def on_verdicts(first: Path, second: Path) -> list[str]:
    """Return in sentences how many verdicts of the ledger are the same on both runs, and which are not."""
    try:
        pairs = list(zip(ledger.ledger(first), ledger.ledger(second), strict=True))
    except BrokenRun as error:
        return [f"The verdicts are not compared: {error}."]
    differ = [(before, after) for before, after in pairs if before.finding.verdict != after.finding.verdict]
    return [
        f"Verdicts of the ledger: {len(pairs) - len(differ)} of {len(pairs)} are the same.",
        *(f"{old.claim.quote}: {old.finding.verdict}, then {new.finding.verdict}." for old, new in differ),
    ]


def diff(first: Path, second: Path) -> Group:
    """Return both runs side by side, how many changes are more than chance, and where both agree; raises BrokenRun."""
    before, after = side(first), side(second)
    found = changes(before, after)
    only = sorted({load for load, _ in before.figures} ^ {load for load, _ in after.figures})
    errors = {"p50_ms": after.error_ms[P50], "p95_ms": after.error_ms[P95]}
    notes = [HOW_TO_READ.format(**errors)] if found else []
    notes += [f"Only in one of the runs: {'; '.join(map(_name, only))}."] if only else []
    notes += [f"{sum(change.is_claimed for change in found)} changes are more than chance."]
    notes += [*on_rankings(before, after), *on_verdicts(first, second)]
    return Group(FittedTable(columns_of("diff"), list(map(_row, found))), *map(note, notes))


def _is_less(values: Sequence[float], others: Sequence[float], error: float) -> bool:
    """Return whether all of these are below all of those, and the medians differ by more than an error."""
    repeats = min(len(values), len(others))
    return repeats > 1 and max(values) < min(others) and median(others) - median(values) > error


def _row(change: Change) -> TableRow:
    before, after = f"{median(change.first):,.3g}", f"{median(change.second):,.3g}"
    claimed = "yes" if change.is_claimed else "no"
    cells = (_name(change.load), change.figure, before, after, f"{change.percent:+.0f}", claimed)
    return TableRow(cells, style="bold" if change.is_claimed else "")


def _name(load: Sequence[str]) -> str:
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
