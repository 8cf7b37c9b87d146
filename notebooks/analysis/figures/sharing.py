"""Two charts of shared stores: what a delivery costs on each, and how much later it is seen beyond the process.

In the first a bar is measured, its paler end is the store's engine, and a thin line the range over repeats. In the
second a hollow dot is the median on the sender's own server, a full one the median on the other; theory is written
where it has something to say: whoever asks a store, or a push service, does not care which process wrote to it.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from notebooks.analysis import wording
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, PALE, RULE, WIDTH_IN, Placing, label, sheet, tint
from notebooks.analysis.sharing import NAMES, SHARED, Cost, Hop, Sharing
from servers import transports
from servers.transports import Reads, Transport

ROW_IN = 0.4
NAMES_IN = 1.35
GAP_IN = 0.16
HEADER_IN = 0.5
FOOTER_IN = 0.6
BAR = 0.5
ROOM_FOR_VALUE = 1.45
ENGINE_TINT = 0.45
HOP_ROW_IN = 0.27
LONGER_IN = 2.55
MINUS = "\N{MINUS SIGN}"


def draw_cost(sharing: Sharing, title: str, subtitle: str) -> Figure:
    """Return CPU time per delivery: a column for each store and number of workers, a row for each transport."""
    rows_in = ROW_IN * len(sharing.slugs)
    figure, top_in = sheet(HEADER_IN + rows_in + FOOTER_IN, title, subtitle)
    place, bars_in = Placing(figure), top_in + HEADER_IN
    found = {backing: [sharing.cpu_us(slug, backing) for slug in sharing.slugs] for backing in sharing.backings}
    longest = max(cost.total.high for costs in found.values() for cost in costs)
    width_in = (WIDTH_IN - NAMES_IN - MARGIN_IN) / len(found) - GAP_IN
    for row, slug in enumerate(sharing.slugs):
        name, middle_in = sharing.label_of(slug).replace(" (", "\n("), bars_in + (row + 0.5) * ROW_IN
        place.text(MARGIN_IN, middle_in, name, color=transports.find(slug).colour, weight="bold", va="center", size=8)
    for column, (backing, costs) in enumerate(found.items()):
        left_in = NAMES_IN + GAP_IN + column * (width_in + GAP_IN)
        store, _, workers = backing.label.partition(", ")
        place.text(left_in, top_in + 0.14, store, weight="bold")
        place.text(left_in, top_in + 0.3, workers, color=GREY, size=7.5)
        _bars(place.axes(left_in, bars_in, width_in, rows_in), sharing, costs, longest)
    _key(place.axes(MARGIN_IN, bars_in + rows_in + 0.15, WIDTH_IN - 2 * MARGIN_IN, 0.22))
    return figure


def _bars(axes: Axes, sharing: Sharing, costs: list[Cost], longest: float) -> None:
    axes.set_xlim(0, longest * ROOM_FOR_VALUE)
    axes.set_ylim(len(costs) - 0.5, -0.5)
    axes.axis("off")
    axes.axvline(0, color=PALE, linewidth=1)
    for row, (slug, cost) in enumerate(zip(sharing.slugs, costs, strict=True)):
        colour, own = transports.find(slug).colour, cost.total.value - cost.engine
        axes.barh(row, own, height=BAR, color=colour)
        axes.barh(row, cost.engine, left=own, height=BAR, color=tint(colour, ENGINE_TINT))
        axes.plot([cost.total.low, cost.total.high], [row, row], color=INK, linewidth=0.8, solid_capstyle="butt")
        label(axes, wording.amount(cost.total.value), (cost.total.high, row), (4, 0), va="center", size=8)


def _key(axes: Axes) -> None:
    """Explain the marks by drawing each of them once, in grey."""
    axes.set_xlim(0, 100)
    axes.set_ylim(-1, 1)
    axes.axis("off")
    axes.barh(0, 3, left=0, height=0.9, color=GREY)
    axes.barh(0, 3, left=24, height=0.9, color=tint(GREY, ENGINE_TINT))
    axes.plot([48, 51], [0, 0], color=INK, linewidth=0.8)
    for x, words in ((4, "servers and push service"), (28, "the store's engine"), (52, "range over the repeats")):
        axes.text(x, 0, words, va="center", color=GREY, size=7.5)


def draw_hop(sharing: Sharing, title: str, subtitle: str) -> Figure:
    """Return medians on the sender's own server and on the other one: a row for each transport and store."""
    rows = [(transports.find(slug), store) for slug in sharing.slugs for store in SHARED]
    rows_in = HOP_ROW_IN * len(rows)
    figure, top_in = sheet(0.35 + rows_in + FOOTER_IN, title, subtitle)
    place, axes_in = Placing(figure), top_in + 0.35
    found = {row: sharing.hop_ms(row[0].slug, row[1]) for row in rows}
    left_in = NAMES_IN + 0.95
    axes = place.axes(left_in, axes_in, WIDTH_IN - left_in - LONGER_IN - MARGIN_IN, rows_in)
    _frame(axes, list(found.values()))
    place.text(
        WIDTH_IN - MARGIN_IN, top_in + 0.12, "longer (in the repeats), and in theory", color=GREY, size=7.5, ha="right"
    )
    for index, ((transport, store), hop) in enumerate(found.items()):
        middle_in = axes_in + (index + 0.5) * HOP_ROW_IN
        if store == SHARED[0]:
            name_in = middle_in + HOP_ROW_IN / 2
            name = sharing.label_of(transport.slug).replace(" (", "\n(")
            place.text(MARGIN_IN, name_in, name, color=transport.colour, weight="bold", va="center", size=8)
        place.text(left_in - 0.12, middle_in, NAMES[store], color=GREY, size=7.5, ha="right", va="center")
        place.text(WIDTH_IN - MARGIN_IN, middle_in, _longer(transport, hop), size=8, ha="right", va="center")
        _dumbbell(axes, index, hop, transport.colour)
    return figure


def has_hop(transport: Transport) -> bool:
    """Tell whether a process must be told by the store what another one wrote: not where clients, or a service, ask."""
    return transport.reads is not Reads.POLL and not transport.needs_push_service


def _longer(transport: Transport, hop: Hop) -> str:
    layout = "+.2f" if abs(hop.longer.value) < 9.95 else "+.0f"
    value, low, high = (f"{each:{layout}}" for each in (hop.longer.value, hop.longer.low, hop.longer.high))
    measured = f"{value} ms  ({low} to {high})".replace("-", MINUS)
    return f"{measured}   {'one way more' if has_hop(transport) else 'nothing'}"


def _frame(axes: Axes, hops: list[Hop]) -> None:
    ends = [end for hop in hops for side in (hop.same, hop.other) for end in (side.low, side.high)]
    axes.set_xscale("log")
    axes.set_xlim(min(ends) / 1.3, max(ends) * 1.3)
    axes.set_ylim(len(hops) - 0.5, -0.5)
    axes.set_yticks([])
    ticks = [step * 10.0**power for power in range(-1, 4) for step in (1, 3)]
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if min(ends) / 1.3 <= tick <= max(ends) * 1.3]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g} ms"))
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="x")
    for index in range(2, len(hops), 2):
        axes.axhline(index - 0.5, color=RULE, linewidth=0.6)


def _dumbbell(axes: Axes, at: float, hop: Hop, colour: str) -> None:
    axes.plot([hop.same.value, hop.other.value], [at, at], color=colour, linewidth=1.6)
    for side, fill, size in ((hop.other, colour, 5.5), (hop.same, "white", 5.5)):
        axes.plot([side.low, side.high], [at, at], color=tint(colour, 0.3), linewidth=4, zorder=1)
        axes.plot(side.value, at, "o", markersize=size, color=colour, markerfacecolor=fill, markeredgewidth=1.4)
