"""The timeline of one connection on a host with a short limit: opened, held, cut, opened again.

The upper half of each lane shows the connection. A bar is a connection or a held request; a thin stroke is a request
that is answered at once; a dark bar is the wait for an instance that starts; a cross marks where the host ended or
refused a connection or request. The lower half has the messages: a dot when one is seen, with a tail from its scheduled
moment.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from notebooks.analysis.figures.marks import grid_of_rows, legend, legend_in, transport_name
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, PALE, RULE, is_narrow, sheet, tint, width_in
from notebooks.analysis.serverless import Hosted
from servers import transports
from servers.transports import Reads, Transport

TOP_IN = 0.1
LANE_IN = 0.52
NAMES_IN = 1.62
HOST_IN = 0.15  # from the name of a transport down to its host
LEGEND_IN = 0.36  # from the axis down to the legend
FOOTER_IN = 0.65
BEGIN_S, SPAN_S = -0.4, 45.0  # a mark at 0 is not cut
TICKS_S, NARROW_TICKS_S = 5, 15
NAME_AT, CONNECTION_AT, SEEN_AT = 0.38, 0.36, 0.74  # heights within a lane
CONNECTION_HEIGHT = 0.34
HELD_TINT, ELSEWHERE_TINT, TAIL_TINT = 0.45, 0.25, 0.55
INSTANT_S = 0.12  # a shorter time would not be visible as a bar

TAIL: dict[str, Any] = {"linewidth": 1.6}
SEEN: dict[str, Any] = {"marker": "o", "markersize": 3.2}
CROSS: dict[str, Any] = {"marker": "x", "markersize": 5, "markeredgewidth": 1.4, "color": INK, "linewidth": 0}

LEGEND = (
    Patch(color=PALE, label="a connection or request"),
    Line2D([], [], color=GREY, linewidth=0, marker="|", markersize=9, label="answered at once"),
    Patch(color=INK, label="an instance starts"),
    Line2D([], [], **CROSS, label="ended or refused"),
    Line2D([], [], **TAIL, **SEEN, color=PALE, markerfacecolor=GREY, markeredgecolor=GREY, label="a message, seen"),
)

Lane = tuple[str, str]
"""The transport and the host of a timeline."""


def draw(hosted: Hosted, lanes: Sequence[Lane], title: str, subtitle: str) -> Figure:
    """Return the timelines, one below the other, over the same seconds."""
    lanes_in = LANE_IN * len(lanes)
    place, top_in = sheet(TOP_IN + lanes_in + FOOTER_IN + legend_in(LEGEND), title, subtitle)
    at_in = top_in + TOP_IN
    axes = place.axes(NAMES_IN, at_in, width_in() - NAMES_IN - 2 * MARGIN_IN, lanes_in)
    _frame(axes, len(lanes))
    for row, (slug, host) in enumerate(lanes):
        name_in = at_in + (row + NAME_AT) * LANE_IN
        transport_name(place, name_in, slug, transports.find(slug).label, va="center", size=8)
        place.text(MARGIN_IN, name_in + HOST_IN, host, color=GREY, va="center", size=7)
        _lane(axes, row, hosted, (slug, host))
    legend(place, at_in + lanes_in + LEGEND_IN, LEGEND)
    return place.figure


def _frame(axes: Axes, lanes: int) -> None:
    axes.set_xlim(BEGIN_S, SPAN_S)
    axes.set_ylim(lanes, 0)
    seconds = range(0, int(SPAN_S) + 1, NARROW_TICKS_S if is_narrow() else TICKS_S)
    axes.set_xticks(seconds, [f"{at} s" for at in seconds])
    grid_of_rows(axes)
    axes.tick_params(axis="x", labelsize=7.5)
    for row in range(1, lanes):
        axes.axhline(row, color=RULE, linewidth=0.6)


def _lane(axes: Axes, row: int, hosted: Hosted, lane: Lane) -> None:
    """Draw one lane: connections or requests, starts of instances, failed attempts to connect, messages, a remark."""
    transport = transports.find(lane[0])
    spans = hosted.timeline_of(*lane)
    shown_as_bar = "connection" if transport.reads is Reads.ONCE else "request"
    may_be_cold = ("opening", shown_as_bar) if transport.reads is Reads.POLL else ("opening",)
    for span in spans[spans["phase"] == shown_as_bar].to_dict("records"):
        _bar(axes, row, span, transport)
    for span in spans[spans["phase"].isin(may_be_cold)].to_dict("records"):
        took_s = span["ended_s"] - span["started_s"]
        if hosted.is_cold(*lane, took_s):
            axes.barh(row + CONNECTION_AT, took_s, CONNECTION_HEIGHT, span["started_s"], color=INK, zorder=4)
    for ended_s in spans[(spans["phase"] == "opening") & ~spans["succeeded"]]["ended_s"]:
        _cross(axes, row, ended_s)
    _messages(axes, row, spans[spans["phase"] == "message"], transport.colour)
    if not spans["succeeded"].any():
        _remark(axes, row + SEEN_AT, "refused, until given up", transport.colour)
    elif transport.needs_push_service:
        text = "held by the push service" if is_narrow() else "held by the push service: no function waits"
        _remark(axes, row + CONNECTION_AT, text, transport.colour)


def _remark(axes: Axes, at: float, text: str, colour: str) -> None:
    middle_s = SPAN_S / (2 if is_narrow() else 3)
    axes.text(middle_s, at, text, color=colour, size=7.5, ha="center", va="center", zorder=5)


def _bar(axes: Axes, row: int, span: dict[Any, Any], transport: Transport) -> None:
    """Draw a stroke where a span begins, a bar if it is long, and a cross where the host ended it."""
    at = row + CONNECTION_AT
    begun_s = span["started_s"]
    took_s = span["ended_s"] - begun_s
    if took_s >= INSTANT_S or span["phase"] == "connection":
        colour = tint(transport.colour, ELSEWHERE_TINT if transport.needs_push_service else HELD_TINT)
        axes.barh(at, took_s, CONNECTION_HEIGHT, begun_s, color=colour, linewidth=0, zorder=2)
    ends = [at - CONNECTION_HEIGHT / 2, at + CONNECTION_HEIGHT / 2]
    axes.plot([begun_s, begun_s], ends, color=transport.colour, linewidth=1, zorder=3)
    if not span["succeeded"]:
        _cross(axes, row, span["ended_s"])


def _cross(axes: Axes, row: int, at_s: float) -> None:
    if at_s <= SPAN_S:
        axes.plot(at_s, row + CONNECTION_AT, **CROSS, zorder=6)


def _messages(axes: Axes, row: int, messages: pd.DataFrame, colour: str) -> None:
    at = row + SEEN_AT
    for span in messages.to_dict("records"):
        axes.plot([span["started_s"], span["ended_s"]], [at, at], **TAIL, color=tint(colour, TAIL_TINT), zorder=2)
        if span["ended_s"] <= SPAN_S:
            axes.plot(span["ended_s"], at, **SEEN, color=colour, zorder=3)
