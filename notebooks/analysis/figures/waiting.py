"""What waiting costs where it is billed: function-seconds of a user's hour, measured beside what theory says.

A dot is measured, a dark tick is what theory predicts: 3,600 s for whoever holds, questions times their answers for who
asks. The numbers at the right are what the host bills: the seconds, and the gigabyte-seconds of the instances.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from notebooks.analysis import wording
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, RULE, WIDTH_IN, Placing, sheet, tint
from notebooks.analysis.serverless import HOUR_S, Hosted, Verdict
from servers import transports

ROW_IN = 0.2
GROUP_IN = 0.13
NAMES_IN = 1.35
HOSTS_IN = 1.15
TOLD_IN = 1.75
FOOTER_IN = 0.85
HEADER_IN = 0.36


def draw(hosted: Hosted, title: str, subtitle: str) -> Figure:
    """Return the chart: a group of rows for each transport, a row for each host that it lives on."""
    groups = {slug: _alive(hosted, slug) for slug in hosted.slugs}
    height_in = sum(ROW_IN * len(hosts) + GROUP_IN for hosts in groups.values())
    figure, top_in = sheet(HEADER_IN + height_in + FOOTER_IN, title, subtitle)
    place, axes_in = Placing(figure), top_in + HEADER_IN
    left_in, right_in = NAMES_IN + HOSTS_IN, WIDTH_IN - MARGIN_IN
    axes = place.axes(left_in, axes_in, right_in - TOLD_IN - left_in, height_in)
    _frame(axes, height_in)
    place.text(right_in - 0.82, top_in + 0.14, "seconds", color=GREY, size=7.5, ha="right")
    place.text(right_in, top_in + 0.14, "GB s billed", color=GREY, size=7.5, ha="right")
    at_in = 0.0
    for slug, hosts in groups.items():
        colour, name = transports.find(slug).colour, hosted.label_of(slug).replace(" (", "\n(")
        place.text(MARGIN_IN, axes_in + at_in + 0.02, name, color=colour, weight="bold", size=8, linespacing=1.25)
        for host in hosts:
            stay, middle_in = hosted.stay(slug, host), at_in + ROW_IN / 2
            place.text(left_in - 0.1, axes_in + middle_in, host, color=GREY, size=7, ha="right", va="center")
            _row(axes, middle_in, stay.per_user_hour("invocation_s"), hosted.expected_s(slug, host), colour)
            told = (stay.per_user_hour("invocation_s"), stay.per_user_hour("held_gb_s"))
            for value, at in zip(told, (right_in - 0.82, right_in), strict=True):
                look = {"size": 8, "ha": "right", "va": "center"}
                place.text(at, axes_in + middle_in, wording.amount(value), **look)
            at_in += ROW_IN
        at_in += GROUP_IN
        axes.axhline(at_in - GROUP_IN / 2, color=RULE, linewidth=0.6)
    _key(place.axes(MARGIN_IN, axes_in + height_in + 0.36, WIDTH_IN - 2 * MARGIN_IN, 0.2))
    return figure


def _alive(hosted: Hosted, slug: str) -> list[str]:
    """Return the hosts on which a transport does not die."""
    return [host for host in hosted.hosts if hosted.fate(slug, host).verdict is not Verdict.DIES]


def _frame(axes: Axes, height_in: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(0.7, 7000)
    axes.set_ylim(height_in, 0)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(FixedLocator([1, 10, 100, HOUR_S]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{s:,.0f} s"))
    axes.tick_params(axis="x", length=0, labelsize=7.5)
    axes.grid(axis="x")
    axes.spines["bottom"].set_visible(False)


def _row(axes: Axes, at_in: float, measured_s: float, expected_s: float, colour: str) -> None:
    axes.plot(
        [0.7, measured_s], [at_in, at_in], color=tint(colour, 0.3), linewidth=1.6, solid_capstyle="butt", zorder=1
    )
    axes.plot([expected_s] * 2, [at_in - 0.075, at_in + 0.075], color=INK, linewidth=1.4, zorder=2)
    axes.plot(measured_s, at_in, "o", color=colour, markersize=5.5, zorder=3)


def _key(axes: Axes) -> None:
    """Explain the marks by drawing each of them once, in grey."""
    axes.set_xlim(0, 100)
    axes.set_ylim(1, -1)
    axes.axis("off")
    axes.plot(1, 0, "o", color=GREY, markersize=5.5)
    axes.plot([17, 17], [-0.6, 0.6], color=INK, linewidth=1.4)
    axes.text(2.4, 0, "measured", va="center", color=GREY, size=7.5)
    axes.text(
        18,
        0,
        "theory: 3,600 s for who holds; questions times their answers for who asks",
        va="center",
        color=GREY,
        size=7.5,
    )
