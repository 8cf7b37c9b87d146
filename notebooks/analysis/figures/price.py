"""The price chart: what one delivered message costs by each transport, in four measures."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from notebooks.analysis import headlines
from notebooks.analysis.figures import bars
from notebooks.analysis.figures.style import GREY, INK, tint
from notebooks.analysis.prices import MEASURES, Measure, Price, is_uncounted, price, remarks_on
from notebooks.analysis.runs import Run

REMARKED = " *"
REMARK = "more than three standard errors from theory, or a window too short for its upkeep"
LEGEND = (
    Patch(color=GREY, label="measured"),
    Patch(color=tint(GREY, bars.PART_TINT), label="of it by the push service"),
    Line2D([], [], color=INK, linewidth=0, marker="|", markersize=9, markeredgewidth=1.8, label="predicted by theory"),
)
RANGE = Line2D([], [], color=INK, linewidth=0.8, label="range over repeats")


def draw(run: Run) -> Figure:
    """Return the price chart of a run: a panel for each measure."""
    remarked = [slug for slug in run.slugs if remarks_on(run, slug)]
    names = {slug: run.label_of(slug) + (REMARKED if slug in remarked else "") for slug in run.slugs}
    marks = (*LEGEND, RANGE) if run.repeats > 1 else LEGEND
    panels = [
        bars.BarPanel(each.title, each.unit, {slug: _price(run, slug, each) for slug in names}, each.axis_end)
        for each in MEASURES
    ]
    subtitle = f"Requests, empty answers, bytes and server CPU, from exact counts\n{headlines.evidence(run)}"
    remark = f"\n{REMARKED.strip()} {REMARK}" if remarked else ""
    return bars.draw(panels, names, marks, headlines.price_finding(run), subtitle + remark)


def _price(run: Run, slug: str, measure: Measure) -> Price | str:
    uncounted = "not counted" if is_uncounted(run, slug, measure) else "does not read"
    return price(run, slug, measure) or uncounted
