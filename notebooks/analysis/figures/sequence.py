"""Sequence diagrams of recorded traffic, in the source document's layout: polling, holding, pushing.

The arrows are the messages on the wire of one reader, in order; the number at the left is the time in seconds. A bold,
coloured arrow is a message that brings new events; a dotted arrow is a response without events.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, PALE, is_narrow, sheet, width_in
from notebooks.analysis.wire.captures import Capture, WireMessage, wire_messages
from notebooks.analysis.wire.labels import EVENT_LABELS, NOTHING, PUBLISHING, READER, connections_of, label, request_of
from servers import transports
from servers.transports import Transport

SPAN_S = 5.0
ROW_IN = 0.25
HEADER_IN = 0.75
GAP_IN = 0.35
LEFT_IN = 0.5
COLUMNS = 2
ENDS = {"clients to API": (0, 2), "clients to push service": (0, 1), "API to push service": (2, 1)}


def draw(captures: dict[str, Capture], title: str, subtitle: str) -> Figure:
    """Return a sheet with a diagram for each capture, two in a row, or one on a narrow chart."""
    columns = 1 if is_narrow() else COLUMNS
    excerpts = {slug: excerpt(capture) for slug, capture in captures.items()}
    rows = [list(excerpts.items())[first : first + columns] for first in range(0, len(excerpts), columns)]
    arrows = [max(len(shown) for _, shown in row) for row in rows]
    heights_in = [HEADER_IN + ROW_IN * count for count in arrows]
    place, top_in = sheet(0.2 + sum(heights_in) + GAP_IN * len(rows), title, subtitle)
    diagram_in = (width_in() - MARGIN_IN) / columns - LEFT_IN - MARGIN_IN
    at_in = top_in + 0.2
    for row, count, height_in in zip(rows, arrows, heights_in, strict=True):
        for column, (slug, shown) in enumerate(row):
            left_in = LEFT_IN + column * (diagram_in + LEFT_IN + MARGIN_IN)
            transport = transports.find(slug)
            place.text(left_in, at_in, transport.label, color=transport.colour, weight="bold", size=9.5)
            axes = place.axes(left_in, at_in + 0.25, diagram_in, height_in - 0.25)
            _diagram(axes, shown, count, transport)
        at_in += height_in + GAP_IN
    return place.figure


def excerpt(capture: Capture) -> list[WireMessage]:
    """Return the messages on the reader's wire within SPAN_S: the same seconds of each transport.

    If the first response there answers an earlier request, that comes first.
    """
    messages = wire_messages(capture)
    own = connections_of(READER, messages)
    in_span = [message for message in messages if 0 <= message.at_s < SPAN_S]
    shown = [message for message in in_span if message.connection in own or message.connection.link == PUBLISHING]
    before = [request for message in shown for request in request_of(messages, message) if request not in shown]
    return [*before[:1], *shown]


def is_empty(message: WireMessage) -> bool:
    """Return whether a response holds no events."""
    return not message.up and label(message) == NOTHING


def _diagram(axes: Axes, shown: Sequence[WireMessage], arrows: int, transport: Transport) -> None:
    axes.set_xlim(-0.02, 2.02)
    axes.set_ylim(arrows + 0.2, -1.1)
    axes.axis("off")
    heads = {0: "browser", 2: "server"}
    if transport.needs_push_service:
        heads[1] = "push service"
    for x, name in heads.items():
        axes.text(x, -0.75, name, ha="center", va="bottom", size=8, color=INK)
        axes.plot([x, x], [-0.6, len(shown)], color=PALE, linewidth=1.2, zorder=0)
    for row, message in enumerate(shown):
        _arrow(axes, row, message, transport.colour)


def _arrow(axes: Axes, row: int, message: WireMessage, colour: str) -> None:
    near, far = ENDS[message.connection.link]
    start, end = (near, far) if message.up else (far, near)
    text = label(message)
    is_event = not message.up and any(event in text for event in EVENT_LABELS.values())
    style = {"color": colour, "lw": 1.6} if is_event else {"color": GREY, "lw": 0.9}
    style["linestyle"] = ":" if is_empty(message) else "-"
    arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8, **style}
    axes.annotate("", (end, row + 0.25), (start, row + 0.25), arrowprops=arrow)
    middle = (start + end) / 2
    weight = "bold" if is_event else "normal"
    axes.text(middle, row + 0.12, text, ha="center", va="bottom", size=7, color=style["color"], weight=weight)
    axes.text(-0.06, row + 0.25, f"{message.at_s:.2f}", ha="right", va="center", size=6.5, color=GREY)
