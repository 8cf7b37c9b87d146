"""What a month costs by the number of users: a curve for each deployment, where free use ends, and the cheapest.

The dollar axis is linear up to five, so that it can show zero, and logarithmic above. A ring marks the last user who
costs nothing, named with the limit that ends it; a cross where no plan suffices. Where more users would be online than
were measured, a curve is paler. Strips along the top show where a deployment is the cheapest, alone or among equals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from notebooks.analysis.deployments.reports import LIMITS, STYLES
from notebooks.analysis.figures.marks import heights_of, ticks
from notebooks.analysis.figures.style import GREY, MARGIN_IN, PALE, WIDTH_IN, Placing, label, sheet, tint
from results.costs.deployments import BillByUsers, Measured, bills, cheapest, crossings, last_free
from results.costs.metering import Activity
from results.costs.plans import Prices

PLOT_IN = 2.9
HEADER_IN = 0.43
FOOTER_IN = 0.7
LEFT_IN = 0.62
NAMES_IN = 1.5
NAME_IN = 0.3
STRIP_IN = 0.14
POINTS = 600
LINEAR_USD = 5.0
TICKS_USD = (0, 5, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


@dataclass(frozen=True, slots=True)
class FreeEnd:
    """The largest number of users that costs nothing (0: none), and the limit that one more user exceeds."""

    users: int
    limit: str


def free_end(bill: BillByUsers, most: int) -> FreeEnd:
    """Return where a deployment's free tier ends; its limit is empty if that is beyond `most`."""
    users = last_free(bill, most)
    first = next((each for each in bill(users + 1).exceeded if users < most), "")
    meter = first.rpartition(": ")[2]
    return FreeEnd(users, LIMITS.get(meter, meter))


def leads(by_users: Mapping[str, BillByUsers], most: int) -> dict[str, list[tuple[int, int]]]:
    """Return by deployment the ranges of users in which it is the cheapest, alone or among equals."""
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in by_users}
    changes = crossings(by_users, most)
    leading = [(1, cheapest(by_users, 1)), *((each.users, each.after) for each in changes)]
    for (first, names), last in zip(leading, [*(each.users - 1 for each in changes), most], strict=True):
        for name in names:
            joins = found[name] and found[name][-1][1] == first - 1
            found[name].append((found[name].pop()[0] if joins else first, last))
    return found


def draw(measured: Measured, prices: Prices, activity: Activity, most: int, *, commercial: bool = False) -> Figure:
    """Return the chart for 1 to `most` users with that activity; its own number of users is ignored."""
    by_users = bills(activity, measured, prices, commercial=commercial)
    ends = {name: free_end(bill, most) for name, bill in by_users.items()}
    strips = {name: spans for name, spans in leads(by_users, most).items() if spans}
    header_in = HEADER_IN + STRIP_IN * len(strips)
    figure, top_in = sheet(header_in + PLOT_IN + FOOTER_IN, finding(ends, most), _measure(activity, commercial))
    axes = Placing(figure).axes(LEFT_IN, top_in + header_in, WIDTH_IN - LEFT_IN - NAMES_IN - MARGIN_IN, PLOT_IN)
    users = [int(each) for each in np.unique(np.geomspace(1, most, POINTS).astype(int))]
    costs = {name: [bill(each).usd for each in users] for name, bill in by_users.items()}
    _frame(axes, most, max((usd for row in costs.values() for usd in row if isfinite(usd)), default=LINEAR_USD))
    for name, row in costs.items():
        seen = measured[STYLES[name].slug].users_max / activity.peak * activity.open_hours / activity.hours_per_day
        _curve(axes, name, users, row, seen)
    _free_ends(axes, ends)
    _names(axes, users, costs)
    _strips(axes, strips, most)
    return figure


def finding(ends: Mapping[str, FreeEnd], most: int) -> str:
    """Return the headline: up to how many users each deployment costs nothing."""
    parts = [f"for {_count(end, most)} {STYLES[name].in_sentence}" for name, end in ends.items() if end.users]
    if len(parts) < len(ends):
        parts.append("for nobody otherwise" if parts else "for nobody")
    return f"Free {', '.join(parts)}"


def _count(end: FreeEnd, most: int) -> str:
    return f"{most:,} users and more" if end.users == most else f"{end.users:,} users"


def _measure(activity: Activity, commercial: bool) -> str:
    rooms = f"rooms of {activity.room_size}, {activity.events_per_hour:g} events an hour from each user"
    there = f"there for {activity.hours_per_day:g} of {activity.open_hours:g} hours a day"
    use = "commercial" if commercial else "private"
    return (
        f"US dollars a month; {rooms}, {there}\n"
        "Requests, bytes and CPU as measured; paler where more would be there at once than were measured\n"
        f"List prices of {use} use at Vercel, Pusher, Neon and Railway"
    )


def _frame(axes: Axes, most: int, highest_usd: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(1, most)
    axes.set_yscale("symlog", linthresh=LINEAR_USD, linscale=0.6)
    axes.set_ylim(-0.4, max(highest_usd, LINEAR_USD) * 1.4)
    ticks(axes.yaxis, [usd for usd in TICKS_USD if usd <= highest_usd * 1.4], "${:,.0f}".format)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.set_xlabel("users", size=7.5)
    axes.grid(axis="y")


def _curve(axes: Axes, name: str, users: list[int], row: list[float], seen: float) -> None:
    """Draw a curve, paler beyond the users that were seen, up to where a plan suffices, with a cross if none does."""
    colour, within = STYLES[name].colour, [index for index, usd in enumerate(row) if isfinite(usd)]
    beyond = sum(users[index] <= seen for index in within)
    for part, strength in ((within[: beyond + 1], 1.0), (within[beyond:], 0.45)):
        style: dict[str, Any] = {"color": tint(colour, strength), "linewidth": 1.6, "zorder": 3}
        axes.plot([users[index] for index in part], [row[index] for index in part], STYLES[name].line, **style)
    if within and len(within) < len(row):
        axes.plot(users[within[-1]], row[within[-1]], "x", color=colour, markersize=7, markeredgewidth=1.8, zorder=4)


def _free_ends(axes: Axes, ends: Mapping[str, FreeEnd]) -> None:
    """Ring the last free user of each deployment, and name its limit: the last to the right of the ring."""
    found = sorted((end.users, name) for name, end in ends.items() if end.users and end.limit)
    for row, (users, name) in enumerate(found):
        colour, is_last = STYLES[name].colour, row == len(found) - 1
        axes.plot(users, 0, "o", markersize=6, color=colour, markerfacecolor="white", clip_on=False, zorder=5)
        offset, side = ((8, 8), "left") if is_last else ((-6, 8 + 11 * row), "right")
        label(axes, f"{users:,}: {ends[name].limit}", (users, 0), offset, ha=side, color=colour, size=7.5)


def _names(axes: Axes, users: list[int], costs: Mapping[str, list[float]]) -> None:
    """Write each deployment's name at the right, as high as its curve ends, moved apart where two would overlap."""
    ends = {name: next((usd for usd in reversed(row) if isfinite(usd)), 0.0) for name, row in costs.items()}
    ordered = sorted(ends, key=ends.__getitem__)
    heights = heights_of(axes, [(users[-1], ends[name]) for name in ordered], NAME_IN / PLOT_IN)
    for name, height in zip(ordered, heights, strict=True):
        style: dict[str, Any] = {"va": "center", "size": 7.5, "linespacing": 1.2, "color": STYLES[name].colour}
        axes.text(1.02, height, STYLES[name].beside, transform=axes.transAxes, **style)


def _strips(axes: Axes, strips: Mapping[str, list[tuple[int, int]]], most: int) -> None:
    """Draw a strip for each deployment along the top, over those users for whom no other costs less."""
    in_axes = axes.get_xaxis_transform()
    top = 1 + STRIP_IN * (len(strips) + 1.4) / PLOT_IN
    heading = "the cheapest, alone or among equals"
    axes.text(0, top, heading, transform=axes.transAxes, color=GREY, size=7.5, va="center")
    for row, (name, spans) in enumerate(reversed(list(strips.items())), 1):
        colour, height = STYLES[name].colour, 1 + STRIP_IN * row / PLOT_IN
        dashes = "-" if STYLES[name].line == "-" else (0, (1.2, 0.5))
        style: dict[str, Any] = {"linewidth": 4, "clip_on": False, "solid_capstyle": "butt", "linestyle": dashes}
        for first, last in spans:
            axes.plot([first, last], [height] * 2, color=colour, transform=in_axes, **style)
            if last < most:
                axes.axvline(last, color=PALE, linewidth=0.9, zorder=1)
                text, offset = f"up to {last:,}", (5, 0)
                axes.annotate(text, (last, height), offset, in_axes, "offset points", va="center", color=colour, size=7)
