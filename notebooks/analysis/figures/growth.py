"""The growth chart of a benchmark: the cost of one unit of work against the size, for several costs side by side.

A level line means that the size costs nothing; each axis begins at zero, so that a line's slope shows its share.
"""

import json
from pathlib import Path
from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure

from notebooks.analysis.figures import curves
from notebooks.analysis.figures.curves import Curve, Panel
from notebooks.analysis.figures.style import INK
from notebooks.analysis.quantiles import Interval
from notebooks.analysis.wording import amount

LEVEL = 1.2
TITLE_CHARACTERS = 46  # as many as the width of a panel has room for


def points(bench: Path) -> pd.DataFrame:
    """Return a row for each size of each cost in a file of `make bench`; raises ValueError if it has none.

    quick: whether the figures mean nothing.
    """
    record = json.loads(bench.read_text(encoding="utf-8"))
    rows = pd.DataFrame([row for row in record.get("findings", []) if row["grows_with"]])
    if rows.empty:
        raise ValueError(f"{bench}: holds no measurement of growth; run `make bench ARGS=growth`")
    return rows.assign(value=rows["values"].str[0], quick=record.get("quick", False))


def headline(rows: pd.DataFrame) -> str:
    """Return a sentence about the cost that grew most from the smallest size to the largest."""
    grown = rows.groupby("grows_with", sort=False)["value"].agg(lambda values: values.iloc[-1] / values.iloc[0])
    if grown.max() <= LEVEL:
        return f"No cost is more than {LEVEL - 1:.0%} higher at the largest size than at the smallest"
    sizes = rows[rows["grows_with"] == grown.idxmax()]["size"]
    return f"From {sizes.iloc[0]:,} to {sizes.iloc[-1]:,} {grown.idxmax()} the cost grows most: {grown.max():.1f} times"


def draw(bench: Path) -> Figure:
    """Return the growth chart of a file of `make bench`."""
    rows = points(bench)
    panels = []
    for (grows_with, unit, note), own in rows.groupby(["grows_with", "unit", "note"], sort=False):
        values = [Interval(value, value, value) for value in own["value"]]
        curve = Curve("", INK, list(own["size"]), values)
        panels.append(Panel(fill(f"{unit} {note}", TITLE_CHARACTERS), str(grows_with), [curve], amount, log_x=True))
    extent = "PREVIEW, not a measurement" if rows["quick"].any() else "One run"
    subtitle = f"{extent}; each figure is for one unit of work, and the sizes are on a logarithmic axis"
    return curves.draw(panels, headline(rows), subtitle)
