"""The source document's table, measured: how late each kind of event is seen, and how much of it is still true then.

A line runs from the median (dot) to the 95th percentile, on an axis that shows both 1 ms and 2 s; the number at the
right is the share that was still true.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis import wording
from notebooks.analysis.comparisons import latency_ms, still_true
from notebooks.analysis.figures.marks import grid_of_rows, ms_axis
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, WIDTH_IN, Placing, sheet
from notebooks.analysis.intervals import Interval
from notebooks.analysis.runs import Run
from servers import transports

ROW_IN = 0.2
HEADER_IN = 0.34
NAMES_IN = 2.1
TRUE_IN = 0.75
FOOTER_IN = 0.4


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of event by one transport."""

    slug: str
    label: str
    p50_ms: Interval
    p95_ms: Interval
    true_percent: Interval


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the document's table. claims: its text, without a WebSocket and with one."""

    kind: str
    title: str
    claims: str
    rows: Sequence[Row]


def group(run: Run, kind: str, title: str, claims: str) -> Group:
    """Return what a run measured of one kind, by all its transports."""
    rows = [
        Row(
            slug,
            run.label_of(slug),
            latency_ms(run, slug, 50, kind),
            latency_ms(run, slug, 95, kind),
            still_true(run, slug, kind),
        )
        for slug in run.slugs
    ]
    return Group(kind, title, claims, rows)


def draw(groups: Sequence[Group], title: str, subtitle: str) -> Figure:
    """Return the chart of these groups, one below the other."""
    height_in = sum(HEADER_IN + ROW_IN * len(each.rows) for each in groups) + FOOTER_IN
    figure, top_in = sheet(height_in, title, subtitle)
    place, at_in = Placing(figure), top_in + 0.1
    width_in = WIDTH_IN - NAMES_IN - TRUE_IN - MARGIN_IN
    rows = [row for each in groups for row in each.rows]
    limits = min(row.p50_ms.value for row in rows) / 1.4, max(row.p95_ms.value for row in rows) * 1.4
    place.text(WIDTH_IN - MARGIN_IN, at_in, "still true", color=GREY, size=7.5, ha="right")
    for index, each in enumerate(groups):
        place.text(MARGIN_IN, at_in, each.title, weight="bold")
        place.text(NAMES_IN, at_in, each.claims, color=GREY, size=7.5)
        for row_index, row in enumerate(each.rows):
            row_in = at_in + HEADER_IN - 0.1 + row_index * ROW_IN
            place.text(MARGIN_IN + 0.1, row_in + 0.02, row.label, color=transports.find(row.slug).colour, size=8)
            true = f"{row.true_percent.value:.0f} %"
            lost = row.true_percent.value < 99.5
            style = {"color": INK if lost else GREY, "weight": "bold" if lost else "normal", "size": 8, "ha": "right"}
            place.text(WIDTH_IN - MARGIN_IN, row_in + 0.02, true, **style)
        axes_in = at_in + HEADER_IN - 0.1
        axes = place.axes(NAMES_IN, axes_in, width_in, ROW_IN * len(each.rows))
        _frame(axes, limits, len(each.rows), labelled=index == len(groups) - 1)
        for row_index, row in enumerate(each.rows):
            _row(axes, row_index, row)
        at_in += HEADER_IN + ROW_IN * len(each.rows)
    return figure


def _frame(axes: Axes, limits: tuple[float, float], rows: int, *, labelled: bool) -> None:
    ms_axis(axes, limits)
    axes.set_ylim(rows - 0.5, -0.5)
    grid_of_rows(axes)
    axes.tick_params(axis="x", labelbottom=labelled)
    axes.spines["bottom"].set_visible(False)


def _row(axes: Axes, at: float, row: Row) -> None:
    colour = transports.find(row.slug).colour
    axes.plot([row.p50_ms.value, row.p95_ms.value], [at, at], color=colour, linewidth=2.2, solid_capstyle="round")
    axes.plot(row.p50_ms.value, at, "o", markersize=5, color=colour, markerfacecolor="white", markeredgewidth=1.5)
    axes.annotate(
        wording.duration(row.p50_ms.value), (row.p50_ms.value, at), (-7, 0), textcoords="offset points",
        ha="right", va="center", size=7, color=GREY, annotation_clip=False,
    )  # fmt: skip
