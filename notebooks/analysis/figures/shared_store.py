"""The cost of a delivery on each store.

A bar is the measured value, its paler end the share of the store's engine, and a thin line the range over repeats.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis import wording
from notebooks.analysis.figures.marks import PART_TINT, bar_rows, legend, stacked_bar, transport_name
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, WIDTH_IN, Placing, annotate, sheet, tint
from notebooks.analysis.shared_store import Cost, SharedStore
from servers import transports

ROW_IN = 0.4
NAMES_IN = 1.35
GAP_IN = 0.16
HEADER_IN = 0.5
FOOTER_IN = 0.6
BAR = 0.5
ROOM_FOR_VALUE = 1.45


def draw(measured: SharedStore, title: str, subtitle: str) -> Figure:
    """Return CPU time per delivery: a column for each store and number of workers, a row for each transport."""
    rows_in = ROW_IN * len(measured.slugs)
    figure, top_in = sheet(HEADER_IN + rows_in + FOOTER_IN, title, subtitle)
    place = Placing(figure)
    bars_in = top_in + HEADER_IN
    found = {choice: [measured.cpu_us(slug, choice) for slug in measured.slugs] for choice in measured.choices}
    longest = max(cost.total.high for costs in found.values() for cost in costs)
    width_in = (WIDTH_IN - NAMES_IN - MARGIN_IN) / len(found) - GAP_IN
    for row, slug in enumerate(measured.slugs):
        transport_name(place, bars_in + (row + 0.5) * ROW_IN, slug, measured.label_of(slug), va="center", size=8)
    for column, (choice, costs) in enumerate(found.items()):
        left_in = NAMES_IN + GAP_IN + column * (width_in + GAP_IN)
        store, _, workers = choice.label.partition(", ")
        place.text(left_in, top_in + 0.14, store, weight="bold")
        place.text(left_in, top_in + 0.3, workers, color=GREY, size=7.5)
        _bars(place.axes(left_in, bars_in, width_in, rows_in), measured.slugs, costs, longest)
    meanings = {4: "servers and push service", 28: "the store's engine", 52: "range over the repeats"}
    axes = legend(place, bars_in + rows_in + 0.15, 0.22, meanings)
    axes.barh(0, 3, left=0, height=0.9, color=GREY)
    axes.barh(0, 3, left=24, height=0.9, color=tint(GREY, PART_TINT))
    axes.plot([48, 51], [0, 0], color=INK, linewidth=0.8)
    return figure


def _bars(axes: Axes, slugs: Sequence[str], costs: Sequence[Cost], longest: float) -> None:
    bar_rows(axes, len(costs), longest * ROOM_FOR_VALUE)
    for row, (slug, (total, engine)) in enumerate(zip(slugs, costs, strict=True)):
        stacked_bar(axes, row, total.value, engine, (total.low, total.high), transports.find(slug).colour, BAR)
        annotate(axes, wording.amount(total.value), (total.high, row), (4, 0), va="center", size=8)
