"""The cost of a delivery on each store.

A bar is the measured value, its paler end the share of the store's engine, and a thin line the range over repeats.
"""

from collections.abc import Sequence
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from notebooks.analysis import wording
from notebooks.analysis.figures.marks import PART_TINT, bar_rows, legend, legend_in, stacked_bar, transport_name
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, annotate, is_narrow, sheet, tint, width_in
from notebooks.analysis.shared_store import STORE_LABELS, Cost, SharedStore
from servers import transports

ROW_IN = 0.4
NAMES_IN = 1.35
GAP_IN = 0.16
HEADER_IN = 0.5
FOOTER_IN = 0.38
BAR = 0.5
ROOM_FOR_VALUE = 1.45
LEGEND = (
    Patch(color=GREY, label="servers and push service"),
    Patch(color=tint(GREY, PART_TINT), label="the store's engine"),
    Line2D([], [], color=INK, linewidth=0.8, label="range over the repeats"),
)


def draw(measured: SharedStore, title: str, subtitle: str) -> Figure:
    """Return the chart: CPU time in us per delivery by transport, in a panel for each store and number of workers."""
    columns = 1 if is_narrow() else len(measured.choices)
    rows_in = ROW_IN * len(measured.slugs)
    panels_in = (HEADER_IN + rows_in) * ceil(len(measured.choices) / columns)
    place, top_in = sheet(panels_in + FOOTER_IN + legend_in(LEGEND), title, subtitle)
    found = {choice: [measured.cpu_us(slug, choice) for slug in measured.slugs] for choice in measured.choices}
    longest = max(cost.total.high for costs in found.values() for cost in costs)
    bars_width_in = (width_in() - NAMES_IN - MARGIN_IN) / columns - GAP_IN
    for index, (choice, costs) in enumerate(found.items()):
        line, column = divmod(index, columns)
        left_in = NAMES_IN + GAP_IN + column * (bars_width_in + GAP_IN)
        panel_in = top_in + line * (HEADER_IN + rows_in)
        bars_in = panel_in + HEADER_IN
        place.text(left_in, panel_in + 0.14, STORE_LABELS[choice.store], weight="bold")
        place.text(left_in, panel_in + 0.3, wording.counted(choice.workers, "worker"), color=GREY, size=7.5)
        for row, slug in enumerate(measured.slugs if column == 0 else ()):
            transport_name(place, bars_in + (row + 0.5) * ROW_IN, slug, measured.label_of(slug), va="center", size=8)
        _bars(place.axes(left_in, bars_in, bars_width_in, rows_in), measured.slugs, costs, longest)
    legend(place, top_in + panels_in + 0.15, LEGEND)
    return place.figure


def _bars(axes: Axes, slugs: Sequence[str], costs: Sequence[Cost], longest: float) -> None:
    bar_rows(axes, len(costs), longest * ROOM_FOR_VALUE)
    for row, (slug, (total, engine)) in enumerate(zip(slugs, costs, strict=True)):
        stacked_bar(axes, row, total.value, engine, (total.low, total.high), transports.find(slug).colour, BAR)
        annotate(axes, wording.amount(total.value), (total.high, row), (4, 0), va="center", size=8)
