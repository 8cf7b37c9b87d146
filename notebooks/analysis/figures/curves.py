"""Measured points with their intervals, over what theory predicts, in one panel or several.

A point is the median over the repeats, a thin bar its interval; theory is a wide pale band in the same colour. A ring
or a cross marks what the caller says. On a logarithmic axis curves with bars are moved a little to the side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import ScaledTranslation
from matplotlib.typing import ColorType

from notebooks.analysis import wording
from notebooks.analysis.figures.marks import spread, ticks
from notebooks.analysis.figures.style import MARGIN_IN, is_narrow, sheet, tint, width_in
from notebooks.analysis.quantiles import Interval

PANEL_IN = 2.5
HEADER_IN = 0.45
FOOTER_IN = 0.62
LEFT_IN = 0.7
RIGHT_IN = 1.25
NAME_IN = 0.16
NAME_GAP = 0.025  # of the axes' width
CHARACTER_IN = 0.06  # about how wide a character of a tick is
BARS_APART_IN = 0.025
CROSS_STEP = 0.07  # of the axes' height


@dataclass(frozen=True, slots=True)
class Curve:
    """Measured points, joined by a line.

    x and points are of equal length. theory: empty where there is no prediction. ringed: each x whose point is
    hollow. crossed: each x, measured or not, with a cross at the top of the panel. line: the style of the line, as
    matplotlib writes it.
    """

    name: str
    colour: ColorType
    x: Sequence[float]
    points: Sequence[Interval]
    theory: Sequence[float] = ()
    ringed: Sequence[float] = ()
    crossed: Sequence[float] = ()
    line: str = "-"


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes. y_format writes a value at its tick; log_x, log_y: logarithmic axes.

    linear_y: up to this value a logarithmic axis is linear, so that it can show zero; 0: it is nowhere linear.
    y_reach: further values that the axis must show, such as those of a panel to compare with.
    """

    title: str
    x_title: str
    curves: Sequence[Curve]
    y_format: Callable[[float], str]
    log_x: bool = False
    log_y: bool = False
    linear_y: float = 0.0
    y_reach: Sequence[float] = ()


def on_one_scale(panels: Sequence[Panel]) -> list[Panel]:
    """Return the panels with vertical axes that reach equally far, so that heights can be compared across them."""
    reach = [y for panel in panels for y in _ys(panel)]
    return [replace(panel, y_reach=reach) for panel in panels]


def draw(panels: Sequence[Panel], title: str, subtitle: str) -> Figure:
    """Return the panels under one headline, two in a row, or below one another on a narrow chart."""
    columns = 1 if is_narrow() else min(2, len(panels))
    row_in = HEADER_IN + PANEL_IN + FOOTER_IN
    place, top_in = sheet(row_in * ceil(len(panels) / columns), title, subtitle)
    each_in = (width_in() - MARGIN_IN) / columns
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        left_in, panel_in = LEFT_IN + column * each_in, top_in + row * row_in
        place.text(left_in, panel_in + 0.18, panel.title, weight="bold")
        axes = place.axes(left_in, panel_in + HEADER_IN, each_in - LEFT_IN - RIGHT_IN + MARGIN_IN, PANEL_IN)
        _frame(axes, panel)
        has_bars = any(point.low < point.high for curve in panel.curves for point in curve.points)
        apart_in = BARS_APART_IN if panel.log_x and has_bars else 0.0
        for rank, curve in enumerate(panel.curves):
            _curve(axes, curve, apart_in * (rank - (len(panel.curves) - 1) / 2))
        _crosses(axes, [curve for curve in panel.curves if curve.crossed])
        _names(axes, panel)
    return place.figure


def _frame(axes: Axes, panel: Panel) -> None:
    xs = sorted({x for curve in panel.curves for x in (*curve.x, *curve.crossed)})
    ys = [*_ys(panel), *panel.y_reach]
    axes.set_xlabel(panel.x_title, size=7.5)
    axes.grid(axis="y")
    if panel.log_x:
        axes.set_xscale("log")
        margin = max(1.1, (max(xs) / min(xs)) ** 0.06)
        axes.set_xlim(min(xs) / margin, max(xs) * margin)
    else:
        margin = 0.04 * (max(xs) - min(xs)) or 1.0
        axes.set_xlim(min(xs) - margin, max(xs) + margin)
    ticks(axes.xaxis, _apart(axes, xs), wording.amount)
    axes.tick_params(axis="x", labelsize=7.5)
    if panel.linear_y:
        axes.set_yscale("symlog", linthresh=panel.linear_y)
        axes.set_ylim(-0.1 * panel.linear_y, max(ys) * 1.5)
    elif panel.log_y:
        axes.set_yscale("log")
        positive = [y for y in ys if y > 0]
        is_short = max(positive) < 20 * min(positive)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7) if is_short else (1, 2, 5), numticks=20))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(min(positive) / 1.5, max(positive) * 1.5)
    else:
        axes.set_ylim(0, max(ys) * 1.08)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: panel.y_format(y)))


def _apart(axes: Axes, xs: Sequence[float]) -> list[float]:
    """Return those ascending values whose ticks do not overlap the one before."""
    to_in = axes.transData - axes.figure.dpi_scale_trans
    found: list[float] = []
    end_in = float("-inf")
    for x in xs:
        at_in, half_in = float(to_in.transform((x, 1.0))[0]), CHARACTER_IN / 2 * len(wording.amount(x))
        if at_in - half_in >= end_in:
            found.append(x)
            end_in = at_in + half_in + CHARACTER_IN / 2
    return found


def _ys(panel: Panel) -> list[float]:
    """Return the heights that a panel shows: of intervals and of theory."""
    ys = [y for curve in panel.curves for point in curve.points for y in (point.low, point.high)]
    return ys + [y for curve in panel.curves for y in curve.theory]


def _curve(axes: Axes, curve: Curve, aside_in: float) -> None:
    values = [point.value for point in curve.points]
    moved = axes.transData + ScaledTranslation(aside_in, 0, axes.figure.dpi_scale_trans)
    if curve.theory:
        axes.plot(curve.x, curve.theory, color=tint(curve.colour, 0.25), linewidth=8, solid_capstyle="round", zorder=1)
    axes.plot(curve.x, values, curve.line, color=curve.colour, linewidth=1.5, zorder=3, transform=moved)
    for x, point in zip(curve.x, curve.points, strict=True):
        axes.plot([x, x], [point.low, point.high], color=curve.colour, linewidth=1.0, zorder=3, transform=moved)
        fill = "white" if x in curve.ringed else curve.colour
        axes.plot(x, point.value, "o", markersize=5, color=curve.colour, mfc=fill, zorder=4, transform=moved)


def _crosses(axes: Axes, full: Sequence[Curve]) -> None:
    """Mark at the top, one below the other, each x that a curve has crossed."""
    for rank, curve in enumerate(full):
        for x in curve.crossed:
            (cross,) = axes.plot(x, 1 - CROSS_STEP * rank, "x", markersize=7, markeredgewidth=2, color=curve.colour)
            cross.set(transform=axes.get_xaxis_transform(), clip_on=False, zorder=5)


def _names(axes: Axes, panel: Panel) -> None:
    """Write the name of each curve with points at the right, at the height of its end; names do not overlap."""
    ordered = sorted((curve for curve in panel.curves if curve.points), key=lambda curve: curve.points[-1].value)
    to_share = axes.transData + axes.transAxes.inverted()
    ends = [float(to_share.transform((curve.x[-1], curve.points[-1].value))[1]) for curve in ordered]
    for curve, height in zip(ordered, spread(ends, NAME_IN / PANEL_IN), strict=True):
        axes.text(1 + NAME_GAP, height, curve.name, transform=axes.transAxes, va="center", color=curve.colour, size=7.5)
