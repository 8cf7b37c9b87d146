"""The price chart: what one delivered message costs by each transport, in four measures.

A bar is the measured value, its paler end the push service's share, a dark tick the prediction of theory, and a thin
line the range over repeats, if there are several.
"""

import textwrap
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from notebooks.analysis import headlines, wording
from notebooks.analysis.figures.marks import PART_TINT, bar_rows, legend, legend_in, stacked_bar, transport_name
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, annotate, is_narrow, sheet, tint, width_in
from notebooks.analysis.prices import MEASURES, Measure, Price, is_uncounted, price, remarks_on
from notebooks.analysis.runs import Run
from servers import transports

ROW_IN = 0.46
NAMES_IN = 1.35
GAP_IN = 0.2
HEADER_IN = 0.62
FOOTER_IN = 0.4
BAR = 0.5
TICK = 0.84
ROOM_FOR_VALUE = 1.5
REMARK_IN = 0.3
REMARKED = " *"
REMARK = "more than three standard errors from theory, or a window too short for its upkeep"
LEGEND = (
    Patch(color=GREY, label="measured"),
    Patch(color=tint(GREY, PART_TINT), label="of it by the push service"),
    Line2D([], [], color=INK, linewidth=0, marker="|", markersize=9, markeredgewidth=1.8, label="predicted by theory"),
)
RANGE = Line2D([], [], color=INK, linewidth=0.8, label="range over repeats")


def draw(run: Run) -> Figure:
    """Return the price chart of a run: the measures side by side, or below one another on a narrow chart."""
    columns = 1 if is_narrow() else len(MEASURES)
    rows_in = ROW_IN * len(run.slugs)
    panels_in = (HEADER_IN + rows_in) * ceil(len(MEASURES) / columns)
    remarked = [slug for slug in run.slugs if remarks_on(run, slug)]
    marks = (*LEGEND, RANGE) if run.repeats > 1 else LEGEND
    subtitle = f"Requests, empty answers, bytes and server CPU, from exact counts\n{headlines.evidence(run)}"
    height_in = panels_in + FOOTER_IN + legend_in(marks) + (REMARK_IN if remarked else 0.0)
    place, top_in = sheet(height_in, headlines.price_finding(run), subtitle)
    bars_width_in = (width_in() - NAMES_IN - MARGIN_IN) / columns - GAP_IN
    for index, measure in enumerate(MEASURES):
        line, column = divmod(index, columns)
        left_in = NAMES_IN + GAP_IN + column * (bars_width_in + GAP_IN)
        panel_in = top_in + line * (HEADER_IN + rows_in)
        place.text(left_in, panel_in + 0.17, measure.title, weight="bold")
        place.text(left_in, panel_in + 0.34, measure.unit, color=GREY, size=7.5)
        for row, slug in enumerate(run.slugs if column == 0 else ()):
            name = run.label_of(slug) + (REMARKED if slug in remarked else "")
            transport_name(place, panel_in + HEADER_IN + (row + 0.5) * ROW_IN, slug, name, va="center")
        _bars(place.axes(left_in, panel_in + HEADER_IN, bars_width_in, rows_in), run, measure)
    below_in = top_in + panels_in + 0.2
    legend(place, below_in, marks)
    if remarked:
        remark = "\n".join(textwrap.wrap(f"{REMARKED.strip()} {REMARK}", int(14 * width_in())))
        place.text(MARGIN_IN, below_in + legend_in(marks) + 0.05, remark, color=GREY, size=7.5)
    return place.figure


def _bars(axes: Axes, run: Run, measure: Measure) -> None:
    """Draw one measure: the rows count downwards, and the longest bar leaves room for its value."""
    found = {slug: price(run, slug, measure) for slug in run.slugs}
    longest = max((max(cost.high, cost.predicted or 0) for cost in found.values() if cost), default=0) or 1
    bar_rows(axes, len(found), (measure.axis_end or longest) * ROOM_FOR_VALUE)
    for row, (slug, cost) in enumerate(found.items()):
        if cost:
            _bar(axes, row, cost, transports.find(slug).colour)
        else:
            text = "not counted" if is_uncounted(run, slug, measure) else "does not read"
            annotate(axes, text, (0, row), (4, 0), va="center", color=GREY, size=7.5)


def _bar(axes: Axes, row: int, cost: Price, colour: str) -> None:
    stacked_bar(axes, row, cost.value, cost.push_service, (cost.low, cost.high), colour, BAR)
    if cost.predicted is not None:
        tick: dict[str, Any] = {"color": INK, "linewidth": 1.8, "solid_capstyle": "butt", "clip_on": False}
        axes.plot([cost.predicted] * 2, [row - TICK / 2, row + TICK / 2], **tick)
    end = max(cost.value, cost.high, cost.predicted or 0)
    annotate(axes, wording.amount(cost.value), (end, row), (5, 0), va="center")
