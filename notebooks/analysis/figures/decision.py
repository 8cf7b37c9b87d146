"""When to choose which transport, as a flow chart of three questions.

Teaches to keep data apart from drawing: questions, places and arrows are in `decision.toml`. An arrow goes straight
down or to the right, from the edge of one box to the edge of the next.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from notebooks.analysis.figures.style import GREY, INK, PALE, WIDTH_IN, Placing, sheet, tint
from servers import transports

HEIGHT_IN = 4.4
BOX_WIDTH_IN = 2.05
QUESTION_HEIGHT_IN, ANSWER_HEIGHT_IN = 0.62, 0.78
_CHART = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Box:
    """A question, or an answer if it names a transport; its centre in inches from the chart's top left corner."""

    x_in: float
    y_in: float
    text: str = ""
    slug: str = ""

    @property
    def height_in(self) -> float:
        return ANSWER_HEIGHT_IN if self.slug else QUESTION_HEIGHT_IN


BOXES = {name: Box(**box) for name, box in _CHART["boxes"].items()}


def draw(evidence: Mapping[str, str], title: str, subtitle: str) -> Figure:
    """Return the chart. evidence: by transport, the figures to write in its box."""
    figure, top_in = sheet(HEIGHT_IN, title, subtitle)
    axes = Placing(figure).axes(0, top_in, WIDTH_IN, HEIGHT_IN)
    axes.set_xlim(0, WIDTH_IN)
    axes.set_ylim(HEIGHT_IN, 0)
    axes.axis("off")
    for arrow in _CHART["arrows"]:
        _arrow(axes, BOXES[arrow["start"]], BOXES[arrow["end"]], arrow["answer"])
    for box in BOXES.values():
        _box(axes, box, evidence.get(box.slug, ""))
    return figure


def _arrow(axes: Axes, start: Box, end: Box, answer: str) -> None:
    """Draw an arrow, with the answer to the question that it leaves next to it."""
    style = {"arrowstyle": "-|>", "color": GREY, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
    if start.x_in == end.x_in:
        begin_in, end_in = start.y_in + start.height_in / 2, end.y_in - end.height_in / 2
        axes.annotate("", (end.x_in, end_in), (start.x_in, begin_in), arrowprops=style)
        axes.text(start.x_in + 0.08, (begin_in + end_in) / 2, answer, color=GREY, size=8, va="center")
    else:
        begin_in, end_in = start.x_in + BOX_WIDTH_IN / 2, end.x_in - BOX_WIDTH_IN / 2
        axes.annotate("", (end_in, end.y_in), (begin_in, start.y_in), arrowprops=style)
        axes.text((begin_in + end_in) / 2, start.y_in - 0.06, answer, color=GREY, size=8, ha="center", va="bottom")


def _box(axes: Axes, box: Box, evidence: str) -> None:
    """Draw a box around a question, or around a transport's name and its figures."""
    colour = transports.find(box.slug).colour if box.slug else PALE
    corner = box.x_in - BOX_WIDTH_IN / 2, box.y_in - box.height_in / 2
    shape = FancyBboxPatch(corner, BOX_WIDTH_IN, box.height_in, "round,pad=0,rounding_size=0.064", linewidth=1.3)
    shape.set(facecolor=tint(colour, 0.1) if box.slug else "white", edgecolor=colour)
    axes.add_patch(shape)
    if not box.slug:
        axes.text(box.x_in, box.y_in, box.text, color=INK, size=9, linespacing=1.3, ha="center", va="center")
        return
    name = transports.find(box.slug).label
    axes.text(box.x_in, box.y_in - 0.2, name, color=colour, weight="bold", size=9.5, ha="center", va="center")
    axes.text(box.x_in, box.y_in + 0.12, evidence, color=GREY, size=7.5, linespacing=1.35, ha="center", va="center")
