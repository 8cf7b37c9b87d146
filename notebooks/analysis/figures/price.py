"""The price chart: what one delivered message costs by each transport, four measures side by side.

A bar is the measured value, its paler end the push service's share, a dark tick the prediction of theory, and a thin
line the range over repeats, if there are several.
"""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis import headlines, wording
from notebooks.analysis.figures.marks import PART_TINT, bar_rows, legend, stacked_bar, transport_name
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, WIDTH_IN, Placing, annotate, sheet, tint
from notebooks.analysis.prices import MEASURES, Measure, Price, is_uncounted, price, remarks_on
from notebooks.analysis.runs import Run
from servers import transports

ROW_IN = 0.46
NAMES_IN = 1.35
GAP_IN = 0.2
HEADER_IN = 0.62
FOOTER_IN = 0.75
BAR = 0.5
TICK = 0.84
ROOM_FOR_VALUE = 1.5
REMARK_IN = 0.2
REMARKED = " *"
REMARK = "more than three standard errors from theory, or a window too short for its upkeep"


def draw(run: Run) -> Figure:
    """Return the price chart of a run: a column for each measure, a row for each transport."""
    rows_in = ROW_IN * len(run.slugs)
    remarked = [slug for slug in run.slugs if remarks_on(run, slug)]
    subtitle = f"Requests, empty answers, bytes and server CPU, from exact counts\n{headlines.evidence(run)}"
    height_in = HEADER_IN + rows_in + FOOTER_IN + (REMARK_IN if remarked else 0.0)
    figure, top_in = sheet(height_in, headlines.price_finding(run), subtitle)
    place = Placing(figure)
    bars_in = top_in + HEADER_IN
    width_in = (WIDTH_IN - NAMES_IN - MARGIN_IN) / len(MEASURES) - GAP_IN
    for row, slug in enumerate(run.slugs):
        name = run.label_of(slug) + (REMARKED if slug in remarked else "")
        transport_name(place, bars_in + (row + 0.5) * ROW_IN, slug, name, va="center")
    for column, measure in enumerate(MEASURES):
        left_in = NAMES_IN + GAP_IN + column * (width_in + GAP_IN)
        place.text(left_in, top_in + 0.17, measure.title, weight="bold")
        place.text(left_in, top_in + 0.34, measure.unit, color=GREY, size=7.5)
        _bars(place.axes(left_in, bars_in, width_in, rows_in), run, measure)
    _legend(place, bars_in + rows_in + 0.2, with_range=run.repeats > 1)
    if remarked:
        place.text(MARGIN_IN, bars_in + rows_in + 0.5, f"{REMARKED.strip()} {REMARK}", color=GREY, size=7.5)
    return figure


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


def _legend(place: Placing, top_in: float, *, with_range: bool) -> None:
    meanings = {4: "measured", 21: "of it by the push service", 46.5: "predicted by theory"}
    if with_range:
        meanings[70] = "range over repeats"
    axes = legend(place, top_in, 0.3, meanings)
    axes.barh(0, 3, left=0, height=0.9, color=GREY)
    axes.barh(0, 3, left=17, height=0.9, color=tint(GREY, PART_TINT))
    axes.plot([45, 45], [-0.7, 0.7], color=INK, linewidth=1.8, solid_capstyle="butt")
    if with_range:
        axes.plot([66, 69], [0, 0], color=INK, linewidth=0.8)
