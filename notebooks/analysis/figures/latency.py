"""The latency chart: the whole distribution of each transport, on a logarithmic time axis.

One small panel a transport, its curve in colour over the others in grey, since the pushing transports would hide one
another in a single panel. The prediction for short polling is a wide pale band: Uniform(0, T).
"""

from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from notebooks.analysis import headlines, wording
from notebooks.analysis.figures.marks import ms_axis, ticks
from notebooks.analysis.figures.style import GREY, MARGIN_IN, PALE, Placing, annotate, is_narrow, sheet, tint, width_in
from notebooks.analysis.quantiles import Latency, latency
from notebooks.analysis.runs import Run
from results import theory
from servers import transports
from servers.transports import Reads

CURVE_SHARES = np.linspace(0.0, 1.0, 251)
PANEL_IN = 1.5
HEADER_IN = 0.5
FOOTER_IN = 0.5
LEFT_IN = 0.55
GAP_IN = 0.4
LEAST_MS = 0.05  # a logarithmic axis cannot begin at zero
TOP_IN = 0.15  # between headline and panels
BOTTOM_IN = 0.2  # below the last axis
NUMBERS_IN = 0.19  # from a panel's name down to its numbers


def draw(run: Run) -> Figure:
    """Return the latency chart of a run: a panel for each of its transports."""
    columns = 1 if is_narrow() else min(2, len(run.slugs))
    rows = ceil(len(run.slugs) / columns)
    height_in = rows * (HEADER_IN + PANEL_IN + FOOTER_IN) + (TOP_IN + BOTTOM_IN)
    measure = "Share of deliveries that were seen within a time, counted from when the message was due to be sent"
    subtitle = f"{measure}\n{headlines.evidence(run)}; {headlines.resolution_note(run)}"
    place, top_in = sheet(height_in, headlines.latency_finding(run), subtitle)
    panel_width_in = (width_in() - LEFT_IN - MARGIN_IN - GAP_IN * (columns - 1)) / columns
    limits = _limits(run)
    for index, slug in enumerate(run.slugs):
        row, column = divmod(index, columns)
        left_in = LEFT_IN + column * (panel_width_in + GAP_IN)
        panel_in = top_in + TOP_IN + row * (HEADER_IN + PANEL_IN + FOOTER_IN)
        found = latency(run, slug)
        _header(place, left_in, panel_in, found)
        axes = place.axes(left_in, panel_in + HEADER_IN, panel_width_in, PANEL_IN)
        _frame(axes, limits, with_shares=column == 0)
        _curves(axes, run, slug)
        _median(axes, found)
    return place.figure


def curve_ms(run: Run, slug: str) -> NDArray[np.float64]:
    """Return 251 evenly spaced quantiles in ms: the ECDF as a line of fixed length, however many samples there are."""
    return np.quantile(np.asarray(run.deliveries_of(slug)["latency_ms"], dtype=np.float64), CURVE_SHARES)


def _limits(run: Run) -> tuple[float, float]:
    """Return the ends of the axis in ms: it shows all measured and predicted values, and at least two decades."""
    longest_ms = run.setting("poll_interval_s") * 1000 if run.is_polled else 0.0
    fastest = max(LEAST_MS, float(run.deliveries["latency_ms"].min()))
    lowest = fastest / 1.3  # room for the start of the curve
    return lowest, max(float(run.deliveries["latency_ms"].max()) * 1.5, longest_ms * 1.5, lowest * 100)


def _header(place: Placing, left_in: float, top_in: float, found: Latency) -> None:
    colour = transports.find(found.slug).colour
    numbers = "   ".join(f"p{share * 100:.0f} {wording.duration(ms.value)}" for share, ms in found.quantiles.items())
    place.text(left_in, top_in, found.label, color=colour, weight="bold", size=9.5)
    place.text(left_in, top_in + NUMBERS_IN, f"{numbers}   n = {found.deliveries:,}", color=GREY)


def _frame(axes: Axes, limits: tuple[float, float], *, with_shares: bool) -> None:
    ms_axis(axes, limits)
    axes.set_ylim(0, 1.03)
    ticks(axes.yaxis, [0, 0.25, 0.5, 0.75, 1], "{:.0%}".format if with_shares else lambda _: "")
    axes.grid(axis="y")


def _curves(axes: Axes, run: Run, slug: str) -> None:
    if transports.find(slug).reads is Reads.POLL:
        _theory(axes, run.setting("poll_interval_s"), transports.find(slug).colour)
    for other in run.slugs:
        if other != slug:
            axes.plot(curve_ms(run, other), CURVE_SHARES, color=PALE, linewidth=1.2, zorder=1)
    axes.plot(curve_ms(run, slug), CURVE_SHARES, color=transports.find(slug).colour, linewidth=1.8, zorder=3)


def _theory(axes: Axes, interval_s: float, colour: str) -> None:
    """Draw Uniform(0, T) as a wide pale band, named beside it."""
    wait_s = np.geomspace(interval_s / 1e6, interval_s, 400)
    share = [theory.uniform_wait_cdf(each_s, interval_s) for each_s in wait_s]
    axes.plot(wait_s * 1000, share, color=tint(colour, 0.25), linewidth=9, solid_capstyle="butt", zorder=2)
    x_ms = theory.uniform_wait_quantile_s(0.84, interval_s) * 1000
    style = {"color": tint(colour, 0.75), "size": 7.5, "ha": "right", "va": "center"}
    annotate(axes, f"theory: uniform between 0 and {interval_s:g} s", (x_ms, 0.84), (-10, 0), **style)


def _median(axes: Axes, found: Latency) -> None:
    """Mark p50 with a hollow dot, and write its value where a rising curve leaves room: below right or above left."""
    colour = transports.find(found.slug).colour
    p50_ms = found.p50.value
    axes.plot(p50_ms, 0.5, "o", markersize=6, color=colour, markerfacecolor="white", markeredgewidth=1.6, zorder=4)
    lowest, highest = np.log(axes.get_xlim())
    text = f"half within {wording.duration(p50_ms)}"
    if np.log(p50_ms) < (lowest + highest) / 2:
        annotate(axes, text, (p50_ms, 0.5), (9, -5), ha="left", va="top")
    else:
        annotate(axes, text, (p50_ms, 0.5), (-11, 3), ha="right", va="bottom")
