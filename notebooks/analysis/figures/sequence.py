"""Sequence diagrams of real traces, in the source document's layout: asking, holding, pushing.

Every arrow is something that was recorded on the wire of one reader, in its order; the number at the left is when, in
seconds. An arrow's colour says which of the three it is: a question, an answer that tells nothing, or news.
"""

from collections.abc import Sequence
from itertools import dropwhile

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, PALE, WIDTH_IN, Placing, sheet
from notebooks.analysis.wire.anatomy import Utterance, utterances
from notebooks.analysis.wire.captures import Capture
from notebooks.analysis.wire.exchanges import PUBLISHING, READER, one_message
from notebooks.analysis.wire.meaning import NEWS, NOTHING, lines_of, meaning
from servers import transports

ARROWS = 9
ROW_IN = 0.25
HEADER_IN = 0.75
GAP_IN = 0.35
LEFT_IN = 0.5
COLUMNS = 2
ENDS = {"clients to API": (0, 2), "clients to push service": (0, 1), "API to push service": (2, 1)}


def draw(captures: dict[str, Capture], title: str, subtitle: str) -> Figure:
    """Return a sheet with a diagram for each capture, two in a row."""
    rows = -(-len(captures) // COLUMNS)
    panel_in = HEADER_IN + ROW_IN * ARROWS
    figure, top_in = sheet(rows * (panel_in + GAP_IN) + 0.2, title, subtitle)
    width_in = (WIDTH_IN - MARGIN_IN) / COLUMNS - LEFT_IN - MARGIN_IN
    for index, (slug, capture) in enumerate(captures.items()):
        row, column = divmod(index, COLUMNS)
        left_in = LEFT_IN + column * (width_in + LEFT_IN + MARGIN_IN)
        panel_top_in = top_in + 0.2 + row * (panel_in + GAP_IN)
        place = Placing(figure)
        place.text(
            left_in,
            panel_top_in,
            transports.find(slug).label,
            color=transports.find(slug).colour,
            weight="bold",
            size=9.5,
        )
        axes = place.axes(left_in, panel_top_in + 0.25, width_in, panel_in - 0.25)
        _diagram(axes, excerpt(capture), transports.find(slug).colour, transports.find(slug).needs_push_service)
    return figure


def excerpt(capture: Capture, arrows: int = ARROWS) -> list[Utterance]:
    """Return what led to the reader's first message that came alone: chosen by position, not by looks."""
    everything = utterances(capture)
    own, told = lines_of(READER, everything), one_message(capture).said[-1]
    before = everything[: everything.index(told) + 1]
    shown = [said for said in before if said.line in own or said.line.link == PUBLISHING][-arrows:]
    return list(dropwhile(lambda said: not said.up, shown))  # an answer whose question is not shown


def is_no(said: Utterance) -> bool:
    """Tell whether an answer says that there is nothing new."""
    return not said.up and meaning(said) == NOTHING


def _diagram(axes: Axes, shown: Sequence[Utterance], colour: str, with_service: bool) -> None:
    axes.set_xlim(-0.02, 2.02)
    axes.set_ylim(ARROWS + 0.2, -1.1)
    axes.axis("off")
    heads = {0: "browser", 1: "push service", 2: "server"} if with_service else {0: "browser", 2: "server"}
    for x, name in heads.items():
        axes.text(x, -0.75, name, ha="center", va="bottom", size=8, color=INK)
        axes.plot([x, x], [-0.6, ARROWS], color=PALE, linewidth=1.2, zorder=0)
    for row, said in enumerate(shown):
        _arrow(axes, row, said, colour)


def _arrow(axes: Axes, row: int, said: Utterance, colour: str) -> None:
    near, far = ENDS[said.line.link]
    start, end = (near, far) if said.up else (far, near)
    words = meaning(said)
    is_news = not said.up and any(told in words for told in NEWS.values())
    look = {
        "color": colour if is_news else GREY,
        "lw": 1.6 if is_news else 0.9,
        "linestyle": ":" if is_no(said) else "-",
    }
    arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8, **look}
    axes.annotate("", (end, row + 0.25), (start, row + 0.25), arrowprops=arrow)
    middle = (start + end) / 2
    weight = "bold" if is_news else "normal"
    axes.text(middle, row + 0.12, words, ha="center", va="bottom", size=7, color=look["color"], weight=weight)
    axes.text(-0.06, row + 0.25, f"{said.at_s:.2f}", ha="right", va="center", size=6.5, color=GREY)
