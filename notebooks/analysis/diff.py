"""Two runs side by side: what changed, by how much, whether that is more than chance, and where both agree.

A change is claimed only if the ranges of the repeats do not overlap and, of a latency, if it is larger than the load
generator's own error (see quantiles.py); the same rule says which of two transports ranks above the other. Leaves out
void cells, and names loads that only one run has, or that have one name and differ: of these no figure is compared.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Group

from notebooks.analysis import wording
from notebooks.analysis.claims import ledger
from notebooks.analysis.prices import BYTES, CPU, REQUESTS, by_repeat, is_uncounted
from notebooks.analysis.quantiles import resolution_ms
from notebooks.analysis.runs import NothingValid, Run, load, loads, manifest_of
from results.terminal import FittedTable, TableRow, columns_of, note

P50, P95 = "p50, ms", "p95, ms"
PRICES = {"requests each": REQUESTS, "bytes each": BYTES, "CPU each, us": CPU}
MAY_DIFFER = {"seed", "measured_s", "warm_up_s", "link"}
"""The fields of a workload with which it is still the same load: who sends what, and how often."""

Key = tuple[str, str, str]
"""Scenario, point and transport of a load."""
HOW_TO_READ = (
    "More than chance: no repeat of one run lies within the range of the other, and a latency differs by more than the "
    "load generator's own error: up to {p50_ms:.1f} ms at p50, and {p95_ms:.1f} ms (as at p99) at p95. With one repeat "
    "there is no range, and nothing is claimed."
)


class Figure(NamedTuple):
    """A value for each repeat. error: what the load generator may add to it."""

    values: list[float]
    error: float = 0.0

    def is_below(self, other: "Figure") -> bool:
        """Return whether all repeats are below all of the other's, and the medians differ by more than the error."""
        repeats = min(len(self.values), len(other.values))
        difference = median(other.values) - median(self.values)
        return repeats > 1 and max(self.values) < min(other.values) and difference > max(self.error, other.error)


Figures = Mapping[tuple[Key, str], Figure]


class Change(NamedTuple):
    """One figure of one load in both runs."""

    key: Key
    name: str
    first: Figure
    second: Figure

    @property
    def percent(self) -> str:
        """The change of the median, in % of the first run's."""
        before, after = median(self.first.values), median(self.second.values)
        if not before:
            return "from 0" if after else "+0"
        return f"{100 * (after / before - 1):+.0f}"

    @property
    def is_claimed(self) -> bool:
        """Whether the ranges of the repeats do not overlap and, of a latency, it is more than the generator's error."""
        return self.first.is_below(self.second) or self.second.is_below(self.first)


Ranking = tuple[str, ...]
"""Scenario, point, figure, and two transports: the first is below the second, by more than chance."""


def rankings(own: Figures, shared_with: Figures) -> set[Ranking]:
    """Return which transport is below which in a run, by the figures that the other run has, too."""
    found: set[Ranking] = set()
    for low, high in permutations(own.keys() & shared_with.keys(), 2):
        (scenario, point, lower), figure = low
        (*other, higher), other_figure = high
        if (scenario, point, figure) == (*other, other_figure) and own[low].is_below(own[high]):
            found.add((scenario, point, figure, lower, higher))
    return found


def figures_of(folder: Path, left_out: Container[tuple[str, str]] = ()) -> Figures:
    """Read a run, but for some loads, with a value for each repeat that is not void; raises BrokenRun."""
    figures: dict[tuple[Key, str], Figure] = {}
    for scenario, point in loads(folder):
        if (scenario, point) in left_out:
            continue
        with suppress(NothingValid):
            run = load(folder, scenario, point)
            for slug in run.slugs:
                figures |= {((scenario, point, slug), name): figure for name, figure in _figures(run, slug)}
    return figures


def unequal_loads(first: Path, second: Path) -> dict[tuple[str, str], str]:
    """Return the fields in which loads of both runs differ that have the same scenario and point; raises BrokenRun."""
    before, after = (
        {(load["scenario"], load["point"]): load for load in manifest_of(folder).get("workloads", [])}
        for folder in (first, second)
    )
    both = {key: (load, after[key]) for key, load in before.items() if key in after}
    fields = {key: sorted(old.keys() & new.keys() - MAY_DIFFER) for key, (old, new) in both.items()}
    unequal = {key: [name for name in fields[key] if old[name] != new[name]] for key, (old, new) in both.items()}
    return {key: ", ".join(names) for key, names in unequal.items() if names}


def changes(first: Figures, second: Figures) -> list[Change]:
    """Return every figure of every load that both runs have."""
    return [Change(*key, first[key], second[key]) for key in first if key in second]


def ranking_sentences(first: Figures, second: Figures) -> list[str]:
    """Return in sentences which rankings of the first run the second one has."""
    claimed, again = rankings(first, second), rankings(second, first)
    opposite = {(*figure, higher, lower) for *figure, lower, higher in again}
    contradicted, unclear = sorted(claimed & opposite), sorted(claimed - again - opposite)
    return [
        f"Rankings by more than chance in the first run: {len(claimed)}. In the second run {len(claimed & again)} are "
        f"the same, {len(unclear)} are within chance, and {len(contradicted)} are reversed.",
        *(f"Reversed: {_name(figure)}: {lower} below {higher}." for *figure, lower, higher in contradicted),
        *(f"Within chance: {_name(figure)}: {lower} below {higher}." for *figure, lower, higher in unclear),
    ]


def verdict_sentences(first: Path, second: Path) -> list[str]:
    """Return in sentences how many verdicts of the ledger are the same on both runs, and which are not."""
    try:
        pairs = list(zip(ledger.ledger(first), ledger.ledger(second), strict=True))
    except ValueError as error:  # a run may lack what a claim is measured by
        return [f"The verdicts are not compared: {error}."]
    differ = [(before, after) for before, after in pairs if before.finding.verdict != after.finding.verdict]
    return [
        f"Verdicts of the ledger: {len(pairs) - len(differ)} of {len(pairs)} are the same.",
        *(f"{old.claim.quote}: {old.finding.verdict}, then {new.finding.verdict}." for old, new in differ),
    ]


def diff(first: Path, second: Path) -> Group:
    """Return both runs side by side, how many changes are more than chance, and where both agree; raises BrokenRun."""
    unequal = unequal_loads(first, second)
    before, after = (figures_of(folder, unequal) for folder in (first, second))
    found = changes(before, after)
    only = sorted({key for key, _ in before} ^ {key for key, _ in after})
    p50_ms, p95_ms = (_largest_error(found, name) for name in (P50, P95))
    notes = [HOW_TO_READ.format(p50_ms=p50_ms, p95_ms=p95_ms)] if found else []
    notes += [f"Only in one of the runs: {'; '.join(map(_name, only))}."] if only else []
    notes += [f"Not compared, since the loads differ: {_name(key)} ({names})." for key, names in unequal.items()]
    notes += [f"Changes by more than chance: {sum(change.is_claimed for change in found)}."]
    notes += [*ranking_sentences(before, after), *verdict_sentences(first, second)]
    return Group(FittedTable(columns_of("diff"), list(map(_row, found))), *map(note, notes))


def _largest_error(found: Sequence[Change], name: str) -> float:
    return max((max(each.first.error, each.second.error) for each in found if each.name == name), default=0.0)


def _row(change: Change) -> TableRow:
    before, after = (wording.amount(median(figure.values)) for figure in (change.first, change.second))
    claimed = "yes" if change.is_claimed else "no"
    cells = (_name(change.key), change.name, before, after, change.percent, claimed)
    return TableRow(cells, style="bold" if change.is_claimed else "")


def _name(key: Sequence[str]) -> str:
    return ", ".join(filter(None, key))


def _figures(run: Run, slug: str) -> Iterator[tuple[str, Figure]]:
    """Yield the figures of a transport, as far as its server counts them: requests, bytes, CPU time, and latencies."""
    for name, measure in PRICES.items():
        if not is_uncounted(run, slug, measure):
            yield name, Figure(list(by_repeat(run, slug, measure)))
    error_ms = resolution_ms(run)
    for name, column, calibrated in ((P50, "latency_p50_s", 0.50), (P95, "latency_p95_s", 0.99)):
        yield name, Figure(list(1000 * run.quantiles_of(slug)[column]), error_ms[calibrated])
