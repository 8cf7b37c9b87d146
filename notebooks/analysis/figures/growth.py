"""The growth chart of a benchmark: the cost of one unit of work against the size, for several costs side by side.

A level line means that the size costs nothing; each axis begins at zero, so that a line's slope shows its share.
"""

import json
from math import ceil
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from notebooks.analysis.figures.marks import ticks
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, annotate, sheet, width_in
from notebooks.analysis.wording import amount

COLUMNS = 2
PANEL_IN = 1.35
HEADER_IN = 0.62
FOOTER_IN = 0.45
LEFT_IN = 0.35
ROOM_FOR_VALUE = 1.35
LEVEL = 1.2


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
    panels = list(rows.groupby("grows_with", sort=False))
    lines = ceil(len(panels) / COLUMNS)
    height_in = HEADER_IN + PANEL_IN + FOOTER_IN
    extent = "PREVIEW, not a measurement" if rows["quick"].any() else "One run"
    subtitle = f"{extent}; each figure is for one unit of work, and the sizes are on a logarithmic axis"
    place, top_in = sheet(lines * height_in + MARGIN_IN, headline(rows), subtitle)
    panel_width_in = (width_in() - MARGIN_IN) / COLUMNS
    for index, (grows_with, panel) in enumerate(panels):
        row, column = divmod(index, COLUMNS)
        left_in, panel_in = MARGIN_IN + column * panel_width_in, top_in + row * height_in
        place.text(left_in, panel_in + 0.17, str(grows_with).capitalize(), weight="bold")
        place.text(left_in, panel_in + 0.34, f"{panel['unit'].iloc[0]} {panel['note'].iloc[0]}", color=GREY, size=7.5)
        axes = place.axes(left_in + LEFT_IN, panel_in + HEADER_IN, panel_width_in - 2 * LEFT_IN, PANEL_IN)
        axes.set_xscale("log")
        ticks(axes.xaxis, list(panel["size"]), lambda size: f"{size:,.0f}")
        axes.set_yticks([])
        axes.set_ylim(0, ROOM_FOR_VALUE * panel["value"].max())
        axes.spines["bottom"].set_color(GREY)
        axes.plot(panel["size"], panel["value"], color=INK, linewidth=1.4, marker="o", markersize=4)
        for size, value in zip(panel["size"], panel["value"], strict=True):
            annotate(axes, amount(value), (size, value), (0, 6), ha="center")
    return place.figure
