"""The size of one chat message on the wire: every byte that brought it to one reader, by the purpose of the byte.

A bar is one message on the wire, to scale. Dark is content (the chat's own JSON), paler is overhead: first lines,
headers, frame headers, masking keys.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, RULE, annotate, is_narrow, sheet, tint, width_in
from notebooks.analysis.wire.captures import CONTENT, WireMessage
from notebooks.analysis.wire.labels import Exchange
from servers import transports

BAR_IN = 0.26
FOOTER_IN = 0.3
DARKER, PALER = 0.55, 0.3
STRENGTH = {
    **dict.fromkeys(("first line", "frame header", "chunk size"), DARKER),
    **dict.fromkeys(("headers", "masking key", "chunk end"), PALER),
}
NUMBER_IN = 0.3  # a part that is wider has its size inside
WORDS_IN = 0.9  # and one that is as wide as this, its name too


def draw(exchanges: Sequence[Exchange], title: str, subtitle: str) -> Figure:
    """Return the chart of these exchanges, one group of bars each."""
    names_in, header_in = (1.2, 0.4) if is_narrow() else (1.75, 0.24)
    group_in = header_in + 0.28
    height_in = sum(group_in + BAR_IN * len(exchange.messages) for exchange in exchanges) + FOOTER_IN
    place, top_in = sheet(height_in, title, subtitle)
    longest = max(message.size for exchange in exchanges for message in exchange.messages) * 1.12
    at_in = top_in + 0.15
    for exchange in exchanges:
        transport = transports.find(exchange.slug)
        place.text(MARGIN_IN, at_in, transport.label, color=transport.colour, weight="bold", size=9.5)
        text = f"{exchange.size:,} bytes, of which {exchange.content_bytes:,} are content"
        place.text(MARGIN_IN if is_narrow() else names_in, at_in + header_in - 0.22, text, color=GREY)
        for row, message in enumerate(exchange.messages):
            bar_in = at_in + header_in + row * BAR_IN
            middle_in = bar_in + BAR_IN / 2
            place.text(names_in - 0.1, middle_in, name_of(message), color=GREY, size=7.5, ha="right", va="center")
            bars_width_in = width_in() - names_in - MARGIN_IN
            axes = place.axes(names_in, bar_in, bars_width_in, BAR_IN)
            _bar(axes, message, longest, bars_width_in / longest, transport.colour)
        at_in += group_in + BAR_IN * len(exchange.messages)
    return place.figure


def name_of(message: WireMessage) -> str:
    """Return the name of a bar: the kind of its message, and the direction of a frame."""
    if message.kind == "frame":
        return "frame up" if message.up else "frame down"
    prefix = "publish: " if message.connection.link.startswith("API") else ""
    return f"{prefix}{'event' if message.kind == 'chunk' else message.kind}"


def _bar(axes: Axes, message: WireMessage, longest: float, byte_in: float, colour: str) -> None:
    axes.set_xlim(0, longest)
    axes.set_ylim(-0.5, 0.5)
    axes.axis("off")
    left = 0
    for part in message.parts:
        width = len(part.data)
        is_content = part.name in CONTENT
        fill = colour if is_content else tint(colour, STRENGTH[part.name])
        axes.barh(0, width, left=left, height=0.72, color=fill, edgecolor="white", linewidth=0.6)
        if width * byte_in > NUMBER_IN:
            ink = "white" if is_content else INK
            text = f"{part.name} {width}" if width * byte_in > WORDS_IN else str(width)
            axes.text(left + width / 2, 0, text, ha="center", va="center", size=7, color=ink)
        left += width
    annotate(axes, f"{message.size:,}", (left, 0), (4, 0), va="center", color=INK, size=7.5)
    axes.axvline(0, color=RULE, linewidth=1)
