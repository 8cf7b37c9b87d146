"""Two charts of shared stores: the cost of a delivery on each, and the latency across processes.

In the first a bar is measured, its paler end is the store's engine, and a thin line the range over repeats. In the
second a hollow dot is the median on the sender's own server, a full one the median on the other; theory is written
at the right: who polls a store, or is served by a push service, does not depend on which process wrote the message.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis import wording
from notebooks.analysis.figures.marks import PART_TINT, bar_rows, grid_of_rows, key, stacked_bar, ticks, transport_name
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, RULE, WIDTH_IN, Placing, label, sheet, tint
from notebooks.analysis.serverless import is_held
from notebooks.analysis.shared_store import NAMES, SHARED, Cost, CrossProcess, SharedStore
from servers import transports
from servers.transports import Transport

ROW_IN = 0.4
NAMES_IN = 1.35
GAP_IN = 0.16
HEADER_IN = 0.5
FOOTER_IN = 0.6
BAR = 0.5
ROOM_FOR_VALUE = 1.45
STORE_ROW_IN = 0.27
DIFFERENCE_IN = 2.55
MINUS = "\N{MINUS SIGN}"


def draw_cost(measured: SharedStore, title: str, subtitle: str) -> Figure:
    """Return CPU time per delivery: a column for each store and number of workers, a row for each transport."""
    rows_in = ROW_IN * len(measured.slugs)
    figure, top_in = sheet(HEADER_IN + rows_in + FOOTER_IN, title, subtitle)
    place, bars_in = Placing(figure), top_in + HEADER_IN
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
    axes = key(place, bars_in + rows_in + 0.15, 0.22, meanings)
    axes.barh(0, 3, left=0, height=0.9, color=GREY)
    axes.barh(0, 3, left=24, height=0.9, color=tint(GREY, PART_TINT))
    axes.plot([48, 51], [0, 0], color=INK, linewidth=0.8)
    return figure


def _bars(axes: Axes, slugs: Sequence[str], costs: Sequence[Cost], longest: float) -> None:
    bar_rows(axes, len(costs), longest * ROOM_FOR_VALUE)
    for row, (slug, (total, engine)) in enumerate(zip(slugs, costs, strict=True)):
        stacked_bar(axes, row, total.value, engine, (total.low, total.high), transports.find(slug).colour, BAR)
        label(axes, wording.amount(total.value), (total.high, row), (4, 0), va="center", size=8)


def draw_cross_process(measured: SharedStore, title: str, subtitle: str) -> Figure:
    """Return medians on the sender's own server and on the other one: a row for each transport and store."""
    rows = [(transports.find(slug), store) for slug in measured.slugs for store in SHARED]
    rows_in = STORE_ROW_IN * len(rows)
    figure, top_in = sheet(0.35 + rows_in + FOOTER_IN, title, subtitle)
    place, axes_in, right_in = Placing(figure), top_in + 0.35, WIDTH_IN - MARGIN_IN
    found = {row: measured.cross_process_ms(row[0].slug, row[1]) for row in rows}
    left_in = NAMES_IN + 0.95
    axes = place.axes(left_in, axes_in, right_in - left_in - DIFFERENCE_IN, rows_in)
    _frame(axes, list(found.values()))
    heading = "longer (in the repeats), and in theory"
    place.text(right_in, top_in + 0.12, heading, color=GREY, size=7.5, ha="right")
    for index, ((transport, store), latency) in enumerate(found.items()):
        middle_in = axes_in + (index + 0.5) * STORE_ROW_IN
        if store == SHARED[0]:
            name_in, name = middle_in + STORE_ROW_IN / 2, measured.label_of(transport.slug)
            transport_name(place, name_in, transport.slug, name, va="center", size=8)
        place.text(left_in - 0.12, middle_in, NAMES[store], color=GREY, size=7.5, ha="right", va="center")
        place.text(right_in, middle_in, _difference(transport, latency), size=8, ha="right", va="center")
        _dumbbell(axes, index, latency, transport.colour)
    return figure


depends_on_process = is_held
"""Only a server that holds its clients waits for what another process wrote: not if they poll, or a service pushes."""


def _difference(transport: Transport, latency: CrossProcess) -> str:
    difference = latency.difference
    layout = "+.2f" if abs(difference.value) < 9.95 else "+.0f"
    value, low, high = (f"{each:{layout}}" for each in (difference.value, difference.low, difference.high))
    measured = f"{value} ms  ({low} to {high})".replace("-", MINUS)
    return f"{measured}   {'one way more' if depends_on_process(transport) else 'nothing'}"


def _frame(axes: Axes, latencies: Sequence[CrossProcess]) -> None:
    ends = [end for each in latencies for side in (each.same, each.other) for end in (side.low, side.high)]
    limits = min(ends) / 1.3, max(ends) * 1.3
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.set_ylim(len(latencies) - 0.5, -0.5)
    steps = [step * 10.0**power for power in range(-1, 4) for step in (1, 3)]
    ticks(axes.xaxis, [step for step in steps if limits[0] <= step <= limits[1]], "{:g} ms".format)
    grid_of_rows(axes)
    for index in range(2, len(latencies), 2):
        axes.axhline(index - 0.5, color=RULE, linewidth=0.6)


def _dumbbell(axes: Axes, row: float, latency: CrossProcess, colour: str) -> None:
    axes.plot([latency.same.value, latency.other.value], [row, row], color=colour, linewidth=1.6)
    for side, fill in ((latency.other, colour), (latency.same, "white")):
        axes.plot([side.low, side.high], [row, row], color=tint(colour, 0.3), linewidth=4, zorder=1)
        axes.plot(side.value, row, "o", markersize=5.5, color=colour, markerfacecolor=fill, markeredgewidth=1.4)
