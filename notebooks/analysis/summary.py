"""A whole run in a few tables: every scenario and load, with an interval over the repeats for each figure.

What was void is left out, and counted; what gave out under a growing load is named.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from notebooks.analysis.intervals import interval
from notebooks.analysis.prices import BYTES, CPU, REQUESTS, Measure, by_repeat
from notebooks.analysis.runs import BrokenRun, Run, load, loads
from notebooks.analysis.wording import counted

HEADINGS = ("transport", "p50\nms", "p95\nms", "requests\neach", "bytes\neach", "CPU µs\neach", "n", "gave out")
LEGEND = (
    "Medians over n repeats, and beneath them their bootstrap intervals over the repeats. With so few that is their "
    "whole range: it holds the median of all such repeats in 3 of 4 for 3 repeats, in 15 of 16 for 5. Gave out: what "
    "the load was too much for, in how many of them. Each: per delivery."
)


def summary(folder: Path) -> Group:
    """Return a table for each load of a run, and how to read them; raises BrokenRun."""
    parts: list[Table | Text] = []
    for scenario, point in loads(folder):
        name = f"{scenario}, {point}" if point else scenario
        try:
            run = load(folder, scenario, point)
        except BrokenRun as nothing_valid:
            parts.append(Text(f"\n{name}: {nothing_valid}"))
        else:
            parts.append(_table(name, run))
            parts += [Text(f"left out: {reason}") for reason in run.void]
    return Group(*parts, Text(f"\n{LEGEND}"))


def _table(name: str, run: Run) -> Table:
    made = Table(title=f"\n{name}", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1))
    for heading in HEADINGS:
        is_text = heading in (HEADINGS[0], HEADINGS[-1])
        made.add_column(heading, justify="left" if is_text else "right", no_wrap=not is_text)
    for slug in run.slugs:
        made.add_row(run.label_of(slug).replace(" (", "\n("), *_figures(run, slug))
    return made


def _figures(run: Run, slug: str) -> Iterator[str]:
    quantiles, cells = run.quantiles_of(slug), run.cells_of(slug)
    for percent in (50, 95):
        yield f"{interval(list(1000 * quantiles[f'latency_p{percent}_s'])):,.0f}"
    yield _price(run, slug, REQUESTS, ".2f")
    yield _price(run, slug, BYTES, ",.0f")
    yield _price(run, slug, CPU, ",.0f")
    suspect = int((cells["verdict"] == "suspect").sum())
    yield f"{len(cells)}, {suspect} suspect" if suspect else str(len(cells))
    yield _limits(cells)


def _price(run: Run, slug: str, measure: Measure, spec: str) -> str:
    return format(interval(list(by_repeat(run.cells_of(slug), measure))), spec)


def _limits(cells: pd.DataFrame) -> str:
    met = cells["limit"][cells["limit"] != ""].value_counts()
    return ", ".join(f"{limit} in {counted(int(times), 'repeat')}" for limit, times in met.items())
