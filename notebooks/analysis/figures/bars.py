"""Rows of bars: what a delivery costs by each transport, in a panel for each measure, or for each store.

A bar is the median over the repeats, its paler end a part of it, a dark tick the prediction of theory, and a thin line
the range over the repeats.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis import wording
from notebooks.analysis.figures.marks import legend, legend_in, transport_name
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, PALE, annotate, is_narrow, sheet, tint, width_in
from notebooks.analysis.prices import Price
from servers import transports

ROW_IN = 0.46
NAMES_IN = 1.35
GAP_IN = 0.2
HEADER_IN = 0.62
TITLE_IN, UNIT_IN = 0.17, 0.34  # from the top of a panel
LEGEND_IN = 0.2  # from the panels down to the legend
FOOTER_IN = 0.4
PART_TINT = 0.45
BAR, TICK = 0.5, 0.84  # heights, of a row
ROOM_FOR_VALUE = 1.5


class BarPanel(NamedTuple):
    """One measure by transport: a price, or words where there is none. axis_end: None lets the longest bar decide."""

    title: str
    unit: str
    prices: Mapping[str, Price | str]
    axis_end: float | None


def draw(
    panels: Sequence[BarPanel], names: Mapping[str, str], marks: Sequence[Artist], title: str, subtitle: str
) -> Figure:
    """Return the panels side by side, or below one another on a narrow chart. names: of the transports, in order."""
    columns = 1 if is_narrow() else len(panels)
    rows_in = ROW_IN * len(names)
    panels_in = (HEADER_IN + rows_in) * ceil(len(panels) / columns)
    place, top_in = sheet(panels_in + FOOTER_IN + legend_in(marks), title, subtitle)
    bars_width_in = (width_in() - NAMES_IN - MARGIN_IN) / columns - GAP_IN
    for index, panel in enumerate(panels):
        line, column = divmod(index, columns)
        left_in = NAMES_IN + GAP_IN + column * (bars_width_in + GAP_IN)
        panel_in = top_in + line * (HEADER_IN + rows_in)
        place.text(left_in, panel_in + TITLE_IN, panel.title, weight="bold")
        place.text(left_in, panel_in + UNIT_IN, panel.unit, color=GREY, size=7.5)
        for row, (slug, name) in enumerate(names.items() if column == 0 else ()):
            transport_name(place, panel_in + HEADER_IN + (row + 0.5) * ROW_IN, slug, name, va="center")
        _rows(place.axes(left_in, panel_in + HEADER_IN, bars_width_in, rows_in), panel)
    legend(place, top_in + panels_in + LEGEND_IN, marks)
    return place.figure


def _rows(axes: Axes, panel: BarPanel) -> None:
    """Draw the rows, counted downwards; the longest bar leaves room for its value."""
    prices = [price for price in panel.prices.values() if isinstance(price, Price)]
    axis_end = panel.axis_end or max((_end(price) for price in prices), default=0) or 1
    axes.set_xlim(0, axis_end * ROOM_FOR_VALUE)
    axes.set_ylim(len(panel.prices) - 0.5, -0.5)
    axes.axis("off")
    axes.axvline(0, color=PALE, linewidth=1)
    for row, (slug, price) in enumerate(panel.prices.items()):
        if isinstance(price, Price):
            _bar(axes, row, price, transports.find(slug).colour)
        else:
            annotate(axes, price, (0, row), (4, 0), va="center", color=GREY, size=7.5)


def _end(price: Price) -> float:
    return max(price.total.high, price.predicted or 0)


def _bar(axes: Axes, row: int, price: Price, colour: str) -> None:
    total = price.total
    axes.barh(row, total.value - price.part, height=BAR, color=colour)
    axes.barh(row, price.part, left=total.value - price.part, height=BAR, color=tint(colour, PART_TINT))
    axes.plot([total.low, total.high], [row, row], color=INK, linewidth=0.8, solid_capstyle="butt")
    if price.predicted is not None:
        tick: dict[str, Any] = {"color": INK, "linewidth": 1.8, "solid_capstyle": "butt", "clip_on": False}
        axes.plot([price.predicted] * 2, [row - TICK / 2, row + TICK / 2], **tick)
    annotate(axes, wording.amount(total.value), (_end(price), row), (5, 0), va="center")
