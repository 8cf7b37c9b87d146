"""Marks that several charts share: names of transports, an axis of milliseconds, and legends.

Leaves out what makes a chart its own: each module lays out its rows and columns itself.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from notebooks.analysis.figures.style import GREY, MARGIN_IN, Placing, is_narrow
from servers import transports

LEGEND_LINE_IN = 0.2
NARROW_COLUMNS = 2  # of a legend
SPREAD_ROUNDS = 50  # a move may bring the next pair too close, so one round is not enough


def transport_name(place: Placing, top_in: float, slug: str, label: str, **style: Any) -> None:
    """Write the name of a transport at the left margin, in its colour; a part in brackets goes on its own line."""
    colour = transports.find(slug).colour
    place.text(MARGIN_IN, top_in, label.replace(" (", "\n("), color=colour, weight="bold", **style)


def ticks(axis: Axis, at: Sequence[float], write: Callable[[float], str]) -> None:
    """Put ticks at these values and nowhere else, each with its value as written."""
    axis.set_major_locator(FixedLocator(at))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def ms_axis(axes: Axes, limits: tuple[float, float]) -> None:
    """Make the horizontal axis logarithmic, in milliseconds and seconds, with a tick at each power of ten."""
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    decades = [10.0**power for power in range(-1, 6) if limits[0] <= 10.0**power <= limits[1]]
    ticks(axes.xaxis, decades, lambda ms: f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s")


def grid_of_rows(axes: Axes) -> None:
    """Show vertical grid lines, and neither ticks nor a base line."""
    axes.set_yticks([])
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="x")
    axes.spines["bottom"].set_visible(False)


def legend(place: Placing, top_in: float, marks: Sequence[Artist]) -> None:
    """Write a legend of labelled marks: in one line, or in a narrow chart two to a line."""
    width, height = place.figure.get_size_inches()
    columns = NARROW_COLUMNS if is_narrow() else len(marks)
    style: dict[str, Any] = {"frameon": False, "fontsize": 7.5, "labelcolor": GREY, "borderpad": 0, "borderaxespad": 0}
    corner = (MARGIN_IN / width, 1 - top_in / height)
    place.figure.legend(handles=marks, loc="upper left", bbox_to_anchor=corner, ncols=columns, **style)


def legend_in(marks: Sequence[Artist]) -> float:
    """Return the height of a legend in inches."""
    return LEGEND_LINE_IN * (ceil(len(marks) / NARROW_COLUMNS) if is_narrow() else 1)


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Return ascending heights, moved apart in rounds until hardly any two neighbours are closer than a gap."""
    moved = list(heights)
    for _ in range(SPREAD_ROUNDS):
        for index in range(len(moved) - 1):
            missing = gap - (moved[index + 1] - moved[index])
            if missing > 0:
                moved[index] -= missing / 2
                moved[index + 1] += missing / 2
    return moved
