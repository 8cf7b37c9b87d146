"""A whole run in a few tables: every scenario and load, with an interval over the repeats for each figure.

Void cells are left out and named, as are those that could not be measured; so are the limits that a growing load met.
Another table says when to choose which transport, with the figures for it.
"""

from pathlib import Path

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from notebooks.analysis import wording
from notebooks.analysis.comparisons import latency_ms, paid
from notebooks.analysis.prices import BYTES, CPU, REQUESTS, Measure, is_uncounted, price, remarks_on
from notebooks.analysis.quantiles import COVERED, medians_ms
from notebooks.analysis.runs import BrokenRun, Run, load, loads, manifest_of, table_of
from notebooks.analysis.wording import counted
from results.schema import CELLS, CELLS_FILE
from results.terminal import FittedTable, TableRow, columns_of, note
from servers import transports

COLUMNS = columns_of("summary")
SET_ASIDE = ("scenario", "point", "transport", "repeat", "verdict", "reason")
NOT_COUNTED, NOT_MEASURED = "not counted", "not measured"
LEGEND = (
    "Each figure is the median of n repeats; below it are the lowest and the highest of them. "
    f"{COVERED} Gave out: the limit that was reached, and in how many repeats. Each: per delivery."
)


def summary(folder: Path) -> Group:
    """Return a table for each load of a run, and how to read them; raises BrokenRun."""
    parts: list[RenderableType] = []
    for scenario, point in loads(folder):
        name = f"{scenario}, {point}" if point else scenario
        try:
            run = load(folder, scenario, point)
        except BrokenRun as error:
            parts.append(note(f"\n{name}: {error}"))
        else:
            notes = [f"left out: {reason}" for reason in run.void]
            notes += [f"{run.label_of(slug)}: {remark}" for slug in run.slugs for remark in remarks_on(run, slug)]
            rows = [TableRow(_row(run, slug), ends_section=True) for slug in run.slugs]
            parts += [Text(f"\n{name}\n", style="italic"), FittedTable(COLUMNS, rows, notes)]
    cells = left_out(folder)
    for *place, repeat, _, reason in cells[cells["verdict"] == NOT_MEASURED].to_numpy().tolist():
        parts.append(note(f"{NOT_MEASURED}: {', '.join(filter(None, place))}, repeat {repeat}: {reason}"))
    return Group(*parts, note(f"\n{LEGEND}"))


def left_out(folder: Path) -> pd.DataFrame:
    """Return every cell of a run that is void or suspect, or was measured again or not at all, with its cause."""
    cells = table_of(folder / CELLS_FILE, CELLS).copy()
    again = cells["attempts"] > 1
    cells.loc[again & (cells["verdict"] == "valid"), "reason"] = "measured again, since the machine was slow"
    manifest = manifest_of(folder)
    missing = {tuple(key): "the servers were too busy" for key in manifest.get("overloaded", [])}
    for name, verdict in manifest.get("verdicts", {}).items():
        if verdict["reason"].startswith(f"{NOT_MEASURED}: "):
            place, _, repeat = name.partition(", repeat ")
            slug, scenario, *point = place.split(", ")
            key = scenario, ", ".join(point), slug, int(repeat or 0)
            missing.setdefault(key, verdict["reason"].removeprefix(f"{NOT_MEASURED}: "))
    rows = [(*key, NOT_MEASURED, reason) for key, reason in missing.items()]
    others = pd.DataFrame(rows, columns=list(SET_ASIDE), dtype=object)
    return pd.concat([cells[again | (cells["verdict"] != "valid")][list(SET_ASIDE)], others], ignore_index=True)


def _row(run: Run, slug: str) -> list[str]:
    """Return the cells of a transport's row, in the order of COLUMNS."""
    cells = run.cells_of(slug)
    suspect = int((cells["verdict"] == "suspect").sum())
    met = cells["limit"][cells["limit"] != ""].value_counts()
    return [
        run.label_of(slug),
        f"{latency_ms(run, slug, 50):,.0f}",
        f"{latency_ms(run, slug, 95):,.0f}",
        f"{paid(run, slug, REQUESTS):.2f}",
        *(
            NOT_COUNTED if is_uncounted(run, slug, measure) else f"{paid(run, slug, measure):,.0f}"
            for measure in (BYTES, CPU)
        ),
        f"{len(cells)}, {suspect} suspect" if suspect else str(len(cells)),
        ", ".join(f"{limit} in {counted(int(times), 'repeat')}" for limit, times in met.items()),
    ]


def decision_table(run: Run) -> wording.Prose:
    """Return a row for each transport of a run: when to choose it, and the cost of a delivery."""
    rows = {
        run.label_of(slug): {
            "choose it when": transports.find(slug).choose_when,
            "half within": wording.duration(median_ms),
            "requests": _price(run, slug, REQUESTS),
            "bytes": _price(run, slug, BYTES),
            "CPU, \N{MICRO SIGN}s": _price(run, slug, CPU),
        }
        for slug, median_ms in medians_ms(run).items()
    }
    return wording.table(rows)


def _price(run: Run, slug: str, measure: Measure) -> str:
    found = price(run, slug, measure)
    return wording.amount(found.total.value) if found else NOT_COUNTED
