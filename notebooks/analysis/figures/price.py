"""The price chart: what one delivered message costs by each transport, four measures side by side.

A bar is measured, its paler end is what the push service spent, a dark tick is what theory predicts, and a thin line
the range over repeats, if there are several.
"""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis import wording
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, PALE, WIDTH_IN, Placing, label, sheet, tint
from notebooks.analysis.prices import MEASURES, Measure, Price, price, untold
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


def draw(run: Run) -> Figure:
    """Return the price chart of a run: a column for each measure, a row for each transport."""
    rows_in = ROW_IN * len(run.slugs)
    measure = "Requests, empty answers, bytes and server CPU, from exact counts"
    figure, top_in = sheet(
        HEADER_IN + rows_in + FOOTER_IN, wording.price_finding(run), f"{measure}\n{wording.evidence(run)}"
    )
    place = Placing(figure)
    width_in = (WIDTH_IN - NAMES_IN - MARGIN_IN) / len(MEASURES) - GAP_IN
    bars_in = top_in + HEADER_IN
    for row, slug in enumerate(run.slugs):
        name = run.label_of(slug).replace(" (", "\n(")
        middle_in = bars_in + (row + 0.5) * ROW_IN
        place.text(MARGIN_IN, middle_in, name, color=transports.find(slug).colour, weight="bold", va="center")
    for column, kind in enumerate(MEASURES):
        left_in = NAMES_IN + GAP_IN + column * (width_in + GAP_IN)
        place.text(left_in, top_in + 0.17, kind.title, weight="bold")
        place.text(left_in, top_in + 0.34, kind.unit, color=GREY, size=7.5)
        _bars(place.axes(left_in, bars_in, width_in, rows_in), run, kind)
    _key(place.axes(MARGIN_IN, bars_in + rows_in + 0.2, WIDTH_IN - 2 * MARGIN_IN, 0.3), with_range=run.repeats > 1)
    return figure


def _bars(axes: Axes, run: Run, measure: Measure) -> None:
    """Draw one measure: the rows count downwards, and the longest bar leaves room for its value."""
    found = {row: price(run, slug, measure) for row, slug in enumerate(run.slugs)}
    longest = max((max(each.high, each.predicted or 0) for each in found.values() if each), default=0) or 1
    axes.set_xlim(0, (measure.axis_end or longest) * ROOM_FOR_VALUE)
    axes.set_ylim(len(run.slugs) - 0.5, -0.5)
    axes.axis("off")
    axes.axvline(0, color=PALE, linewidth=1)
    for row, slug in enumerate(run.slugs):
        if each := found[row]:
            _bar(axes, row, each, transports.find(slug).colour)
        else:
            label(
                axes,
                "not told" if untold(run, slug, measure) else "does not read",
                (0, row),
                (4, 0),
                va="center",
                color=GREY,
                size=7.5,
            )


def _bar(axes: Axes, row: int, each: Price, colour: str) -> None:
    own = each.value - each.push_service
    axes.barh(row, own, height=BAR, color=colour)
    axes.barh(row, each.push_service, left=own, height=BAR, color=tint(colour, 0.45))
    axes.plot([each.low, each.high], [row, row], color=INK, linewidth=0.8, solid_capstyle="butt")
    if each.predicted is not None:
        tick: dict[str, Any] = {"color": INK, "linewidth": 1.8, "solid_capstyle": "butt", "clip_on": False}
        axes.plot([each.predicted] * 2, [row - TICK / 2, row + TICK / 2], **tick)
    end = max(each.value, each.high, each.predicted or 0)
    label(axes, wording.amount(each.value), (end, row), (5, 0), va="center")


def _key(axes: Axes, *, with_range: bool) -> None:
    """Explain the marks by drawing each of them once, in grey."""
    axes.set_xlim(0, 100)
    axes.set_ylim(-1, 1)
    axes.axis("off")
    axes.barh(0, 3, left=0, height=0.9, color=GREY)
    axes.barh(0, 3, left=17, height=0.9, color=tint(GREY, 0.45))
    axes.plot([45, 45], [-0.7, 0.7], color=INK, linewidth=1.8, solid_capstyle="butt")
    words = {4: "measured", 21: "of it by the push service", 46.5: "predicted by theory"}
    if with_range:
        axes.plot([66, 69], [0, 0], color=INK, linewidth=0.8)
        words[70] = "range over repeats"
    for left, meaning in words.items():
        axes.text(left, 0, meaning, va="center", color=GREY, size=7.5)
