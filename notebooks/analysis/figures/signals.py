"""The source document's table, measured: how late each kind of event is seen, and how much of it is still true then.

A line runs from the median (ring) to the 95th percentile. The axis is logarithmic, so that a push of 1 ms and a poll
of 2 s can both be read. The number at the right is the share that was still true.
"""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis import wording
from notebooks.analysis.comparisons import latency_ms, still_true
from notebooks.analysis.figures.marks import grid_of_rows, ms_axis
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, Placing, annotate, is_narrow, sheet, width_in
from notebooks.analysis.runs import Run
from servers import transports

ROW_IN = 0.2
HEADER_IN = 0.34
FOOTER_IN = 0.55


class Signal(NamedTuple):
    """A kind of event, its heading, and what the document says of it, without a WebSocket and with one."""

    kind: str
    heading: str
    claims: str


class SignalRow(NamedTuple):
    """One kind of event by one transport."""

    slug: str
    p50_ms: float
    p95_ms: float
    true_percent: float


def _row_of(run: Run, slug: str, kind: str) -> SignalRow:
    p50_ms, p95_ms = (latency_ms(run, slug, percent, kind).value for percent in (50, 95))
    return SignalRow(slug, p50_ms, p95_ms, still_true(run, slug, kind).value)


def draw(run: Run, signals: Sequence[Signal], title: str, subtitle: str) -> Figure:
    """Return the chart of these kinds of events, one below the other."""
    groups = {signal: [_row_of(run, slug, signal.kind) for slug in run.slugs] for signal in signals}
    rows = [row for group in groups.values() for row in group]
    names_in, header_in, true_in = (1.7, HEADER_IN + 0.16, 0.5) if is_narrow() else (2.1, HEADER_IN, 0.75)
    place, top_in = sheet(header_in * len(groups) + ROW_IN * len(rows) + FOOTER_IN, title, subtitle)
    at_in = top_in + 0.1
    limits = min(1.0, min(row.p50_ms for row in rows) / 1.4), max(row.p95_ms for row in rows) * 1.4
    place.text(width_in() - MARGIN_IN, at_in, "still true", color=GREY, size=7.5, ha="right")
    for signal, group in groups.items():
        place.text(MARGIN_IN, at_in, signal.heading, weight="bold")
        count = run.kinds.loc[run.kinds["kind"] == signal.kind, "delivered"].sum()
        claims_at = (MARGIN_IN, at_in + 0.17) if is_narrow() else (names_in, at_in)
        place.text(*claims_at, f"{signal.claims}; n = {count:,}", color=GREY, size=7.5)
        rows_in = at_in + header_in - 0.1
        height_in = ROW_IN * len(group)
        axes = place.axes(names_in, rows_in, width_in() - names_in - true_in - MARGIN_IN, height_in)
        _frame(axes, limits, len(group), labelled=signal == signals[-1])
        for index, row in enumerate(group):
            name = transports.find(row.slug).label if is_narrow() else run.label_of(row.slug)
            _name_and_truth(place, rows_in + index * ROW_IN + 0.02, name, row)
            _row(axes, index, row)
        at_in += header_in + height_in
    return place.figure


def _name_and_truth(place: Placing, at_in: float, name: str, row: SignalRow) -> None:
    """Write a row's transport at its left, and at its right how much was still true, dark if less than all was."""
    place.text(MARGIN_IN + 0.1, at_in, name, color=transports.find(row.slug).colour, size=8)
    is_partly_false = row.true_percent < 99.5  # 99.5 and more is printed as 100
    colour, weight = (INK, "bold") if is_partly_false else (GREY, "normal")
    true = f"{row.true_percent:.0f} %"
    place.text(width_in() - MARGIN_IN, at_in, true, color=colour, weight=weight, size=8, ha="right")


def _frame(axes: Axes, limits: tuple[float, float], rows: int, *, labelled: bool) -> None:
    ms_axis(axes, limits)
    axes.set_ylim(rows - 0.5, -0.5)
    grid_of_rows(axes)
    axes.tick_params(axis="x", labelbottom=labelled, labelsize=7)
    axes.set_xlabel("from the planned moment until seen, logarithmic" if labelled else "", size=7.5)


def _row(axes: Axes, height: float, row: SignalRow) -> None:
    colour = transports.find(row.slug).colour
    axes.plot([row.p50_ms, row.p95_ms], [height, height], color=colour, linewidth=2.2, solid_capstyle="round")
    axes.plot(row.p50_ms, height, "o", markersize=5, color=colour, markerfacecolor="white", markeredgewidth=1.5)
    style = {"ha": "right", "va": "center", "size": 7, "color": GREY, "annotation_clip": False}
    annotate(axes, wording.duration(row.p50_ms), (row.p50_ms, height), (-7, 0), **style)
