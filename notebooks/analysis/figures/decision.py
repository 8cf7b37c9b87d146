"""When to choose which transport, with the figures it rests on: a table, and a flow chart of three questions."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from notebooks.analysis import wording
from notebooks.analysis.figures.style import GREY, INK, PALE, Placing, sheet, tint
from notebooks.analysis.prices import BYTES, CPU, REQUESTS, Measure, price
from notebooks.analysis.quantiles import latency
from notebooks.analysis.runs import Run
from servers import transports

HEIGHT_IN = 4.4
QUESTION_IN = (2.05, 0.62)
ANSWER_IN = (2.05, 0.78)
_CHART = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def table(run: Run) -> wording.Prose:
    """Return a row for each transport of a run: when to choose it, and the cost of a delivery."""
    rows = {
        run.label_of(slug): {
            "choose it when": transports.find(slug).choose_when,
            "half within": wording.duration(latency(run, slug).p50.pooled_ms),
            "requests": _paid(run, slug, REQUESTS),
            "bytes": _paid(run, slug, BYTES),
            "CPU, \N{MICRO SIGN}s": _paid(run, slug, CPU),
        }
        for slug in run.slugs
    }
    return wording.table(rows)


def evidence(run: Run) -> dict[str, str]:
    """Return for each transport of a run the two lines below its name in the flow chart."""
    return {
        slug: f"half within {wording.duration(latency(run, slug).p50.pooled_ms)}\n"
        f"{_paid(run, slug, REQUESTS)} requests a delivery"
        for slug in run.slugs
    }


def _paid(run: Run, slug: str, measure: Measure) -> str:
    found = price(run, slug, measure)
    return wording.amount(found.value) if found else "not counted"


@dataclass(frozen=True, slots=True)
class Box:
    """A question, or an answer if it names a transport; its centre in inches from the sheet's top left corner."""

    x_in: float
    y_in: float
    text: str = ""
    slug: str = ""


BOXES = {name: Box(**box) for name, box in _CHART["boxes"].items()}


def draw(evidence: Mapping[str, str], title: str, subtitle: str) -> Figure:
    """Return the chart. evidence: by transport, the figures to write in its box."""
    figure, top_in = sheet(HEIGHT_IN, title, subtitle)
    for arrow in _CHART["arrows"]:
        _arrow(figure, top_in, BOXES[arrow["start"]], BOXES[arrow["end"]], arrow["answer"])
    for box in BOXES.values():
        _box(figure, top_in, box, evidence.get(box.slug, ""))
    return figure


def _size(box: Box) -> tuple[float, float]:
    return ANSWER_IN if box.slug else QUESTION_IN


def _arrow(figure: Figure, top_in: float, start: Box, end: Box, answer: str) -> None:
    """Draw from edge to edge, straight down or to the right, with the answer next to it."""
    page = figure.get_size_inches()
    down = start.x_in == end.x_in
    gap = [size / 2 for size in (_size(start)[down], _size(end)[down])]
    begin = (start.x_in, start.y_in + gap[0]) if down else (start.x_in + gap[0], start.y_in)
    finish = (end.x_in, end.y_in - gap[1]) if down else (end.x_in - gap[1], end.y_in)
    points = [(x / page[0], 1 - (top_in + y) / page[1]) for x, y in (begin, finish)]
    axes = figure.axes[0] if figure.axes else Placing(figure).axes(0, 0, *page)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.axis("off")
    style = {"arrowstyle": "-|>", "color": GREY, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[1], points[0], arrowprops=style)
    middle = ((begin[0] + finish[0]) / 2, (begin[1] + finish[1]) / 2)
    place = Placing(figure)
    if down:
        place.text(middle[0] + 0.08, top_in + middle[1], answer, color=GREY, size=8, va="center")
    else:
        place.text(middle[0], top_in + middle[1] - 0.06, answer, color=GREY, size=8, ha="center", va="bottom")


def _box(figure: Figure, top_in: float, box: Box, evidence: str) -> None:
    width_in, height_in = _size(box)
    page = figure.get_size_inches()
    corner = ((box.x_in - width_in / 2) / page[0], 1 - (top_in + box.y_in + height_in / 2) / page[1])
    colour = transports.find(box.slug).colour if box.slug else PALE
    figure.add_artist(
        FancyBboxPatch(
            corner, width_in / page[0], height_in / page[1], boxstyle="round,pad=0,rounding_size=0.008",
            facecolor=tint(colour, 0.1) if box.slug else "white", edgecolor=colour, linewidth=1.3,
            transform=figure.transFigure,
        )
    )  # fmt: skip
    place, middle_in = Placing(figure), top_in + box.y_in
    style = {"ha": "center", "va": "center"}
    if not box.slug:
        place.text(box.x_in, middle_in, box.text, color=INK, size=9, linespacing=1.3, **style)
        return
    name = transports.find(box.slug).label
    place.text(box.x_in, middle_in - 0.2, name, color=colour, weight="bold", size=9.5, **style)
    place.text(box.x_in, middle_in + 0.12, evidence, color=GREY, size=7.5, linespacing=1.35, **style)
