"""What waiting costs where it is billed: function-seconds of a user's hour, as measured and in theory.

A dot is measured, a dark tick is the prediction: 3,600 s for held requests and connections, requests times their
duration for polls. The numbers at the right are what the host bills: seconds, and gigabyte-seconds of the instances.
"""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis import wording
from notebooks.analysis.figures.marks import grid_of_rows, key, ticks, transport_name
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, RULE, WIDTH_IN, Placing, sheet, tint
from notebooks.analysis.serverless import HOUR_S, Hosted, Outcome
from servers import transports

ROW_IN = 0.2
GROUP_IN = 0.13
NAMES_IN = 1.35
HOSTS_IN = 1.15
FIGURES_IN = 1.75
FOOTER_IN = 0.85
HEADER_IN = 0.36
RIGHT_IN = WIDTH_IN - MARGIN_IN
SECONDS_IN = RIGHT_IN - 0.82
SHORTEST_S, LONGEST_S = 0.7, 7000


def draw(hosted: Hosted, title: str, subtitle: str) -> Figure:
    """Return the chart: a group of rows for each transport, a row for each host on which it does not fail."""
    groups = {slug: _hosts(hosted, slug) for slug in hosted.slugs}
    height_in = sum(ROW_IN * len(hosts) + GROUP_IN for hosts in groups.values())
    figure, top_in = sheet(HEADER_IN + height_in + FOOTER_IN, title, subtitle)
    place, axes_in, left_in = Placing(figure), top_in + HEADER_IN, NAMES_IN + HOSTS_IN
    axes = place.axes(left_in, axes_in, RIGHT_IN - FIGURES_IN - left_in, height_in)
    _frame(axes, height_in)
    for right_in, heading in ((SECONDS_IN, "seconds"), (RIGHT_IN, "GB s billed")):
        place.text(right_in, top_in + 0.14, heading, color=GREY, size=7.5, ha="right")
    at_in = 0.0
    for slug, hosts in groups.items():
        transport_name(place, axes_in + at_in + 0.02, slug, hosted.label_of(slug), size=8, linespacing=1.25)
        for host in hosts:
            middle_in = at_in + ROW_IN / 2
            _figures(place, axes_in + middle_in, hosted, slug, host)
            _marks(axes, middle_in, hosted, slug, host)
            at_in += ROW_IN
        at_in += GROUP_IN
        axes.axhline(at_in - GROUP_IN / 2, color=RULE, linewidth=0.6)
    _key(place, axes_in + height_in + 0.36)
    return figure


def _hosts(hosted: Hosted, slug: str) -> list[str]:
    return [host for host in hosted.hosts if hosted.judge(slug, host).outcome is not Outcome.FAILS]


def _frame(axes: Axes, height_in: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(SHORTEST_S, LONGEST_S)
    axes.set_ylim(height_in, 0)
    ticks(axes.xaxis, [1, 10, 100, HOUR_S], "{:,.0f} s".format)
    grid_of_rows(axes)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.spines["bottom"].set_visible(False)


def _figures(place: Placing, middle_in: float, hosted: Hosted, slug: str, host: str) -> None:
    """Write the name of a host before its row, and its figures behind."""
    place.text(NAMES_IN + HOSTS_IN - 0.1, middle_in, host, color=GREY, size=7, ha="right", va="center")
    for right_in, column in ((SECONDS_IN, "invocation_s"), (RIGHT_IN, "held_gb_s")):
        text = wording.amount(hosted.row(slug, host).per_user_hour(column))
        place.text(right_in, middle_in, text, size=8, ha="right", va="center")


def _marks(axes: Axes, at_in: float, hosted: Hosted, slug: str, host: str) -> None:
    measured_s, predicted_s = hosted.row(slug, host).per_user_hour("invocation_s"), hosted.predicted_s(slug, host)
    colour = transports.find(slug).colour
    style: dict[str, Any] = {"color": tint(colour, 0.3), "linewidth": 1.6, "solid_capstyle": "butt", "zorder": 1}
    axes.plot([SHORTEST_S, measured_s], [at_in, at_in], **style)
    axes.plot([predicted_s] * 2, [at_in - 0.075, at_in + 0.075], color=INK, linewidth=1.4, zorder=2)
    axes.plot(measured_s, at_in, "o", color=colour, markersize=5.5, zorder=3)


def _key(place: Placing, top_in: float) -> None:
    theory = "theory: 3,600 s for who holds; questions times their answers for who asks"
    axes = key(place, top_in, 0.2, {2.4: "measured", 18: theory})
    axes.plot(1, 0, "o", color=GREY, markersize=5.5)
    axes.plot([17, 17], [-0.6, 0.6], color=INK, linewidth=1.4)
