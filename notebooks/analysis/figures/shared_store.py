"""The cost of a delivery on each store: CPU time, with the share of the store's engine."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from notebooks.analysis import wording
from notebooks.analysis.figures import bars
from notebooks.analysis.figures.style import GREY, INK, tint
from notebooks.analysis.shared_store import STORE_LABELS, SharedStore

LEGEND = (
    Patch(color=GREY, label="servers and push service"),
    Patch(color=tint(GREY, bars.PART_TINT), label="the store's engine"),
    Line2D([], [], color=INK, linewidth=0.8, label="range over the repeats"),
)


def draw(measured: SharedStore, title: str, subtitle: str) -> Figure:
    """Return the chart: CPU time in us per delivery by transport, in a panel for each store and number of workers."""
    costs = {choice: {slug: measured.cpu_us(slug, choice) for slug in measured.slugs} for choice in measured.choices}
    longest = max(cost.total.high for of_choice in costs.values() for cost in of_choice.values())
    panels = [
        bars.BarPanel(STORE_LABELS[choice.store], wording.counted(choice.workers, "worker"), of_choice, longest)
        for choice, of_choice in costs.items()
    ]
    names = {slug: measured.label_of(slug) for slug in measured.slugs}
    return bars.draw(panels, names, LEGEND, title, subtitle)
