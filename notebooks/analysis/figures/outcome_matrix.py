"""The outcome of each transport on each serverless host, as a matrix.

A full disc works, half a disc is degraded, a cross fails; below are the reasons, the median delivery, and the seconds
of function that each user takes in an hour.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from notebooks.analysis import wording
from notebooks.analysis.figures.marks import transport_name
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, RULE, WIDTH_IN, Placing, sheet, tint
from notebooks.analysis.serverless import Hosted, Judgement, Outcome
from servers import transports

NAMES_IN = 1.32
GAP_IN = 0.09
HEADER_IN = 0.6
FOOTER_IN = 0.25
LINE_IN = 0.128
VERDICT_IN = 0.27
PAD_IN = 0.09
MARK = 7.0


def draw(hosted: Hosted, title: str, subtitle: str) -> Figure:
    """Return the matrix: a row for each transport, a column for each host."""
    reasons = {slug: [_cell_lines(hosted, slug, host) for host in hosted.hosts] for slug in hosted.slugs}
    heights_in = {slug: VERDICT_IN + LINE_IN * max(map(len, cells)) + PAD_IN for slug, cells in reasons.items()}
    figure, top_in = sheet(HEADER_IN + sum(heights_in.values()) + GAP_IN * len(reasons) + FOOTER_IN, title, subtitle)
    place, at_in = Placing(figure), top_in + HEADER_IN
    width_in = (WIDTH_IN - NAMES_IN - MARGIN_IN) / len(hosted.hosts) - GAP_IN
    lefts_in = [NAMES_IN + GAP_IN + column * (width_in + GAP_IN) for column in range(len(hosted.hosts))]
    for left_in, (host, limits) in zip(lefts_in, hosted.hosts.items(), strict=True):
        place.text(left_in + PAD_IN, top_in + 0.14, host, weight="bold")
        place.text(left_in + PAD_IN, top_in + 0.3, _limits(limits), color=GREY, size=7, linespacing=1.25)
    for slug, cells in reasons.items():
        name, colour = hosted.label_of(slug).replace("Server-Sent ", "Server-Sent\n"), transports.find(slug).colour
        transport_name(place, at_in + PAD_IN, slug, name, size=8, linespacing=1.25)
        for left_in, host, lines in zip(lefts_in, hosted.hosts, cells, strict=True):
            _cell(place, (left_in, at_in, width_in, heights_in[slug]), hosted.judge(slug, host), lines, colour)
        at_in += heights_in[slug] + GAP_IN
    return figure


def _limits(limits: Mapping[str, Any]) -> str:
    """Return what a host allows, in two lines."""
    sockets = "WebSockets" if limits["websockets"] else "no WebSockets"
    return f"{limits['max_duration_s']:g} s, {sockets},\n{limits['concurrency']} at once; {limits['as_of']}"


def _cell_lines(hosted: Hosted, slug: str, host: str) -> list[str]:
    row, (outcome, reasons) = hosted.row(slug, host), hosted.judge(slug, host)
    if outcome is Outcome.FAILS:
        refused = row.figures["upgrades_ignored"]
        return [*reasons, f"{refused} upgrades refused"] if refused else list(reasons)
    seen = f"seen after {wording.duration(row.latency_ms(50))}"
    return [*reasons, seen, f"{wording.amount(row.billed_s)} s an hour billed"]


def _cell(
    place: Placing, box: tuple[float, float, float, float], judgement: Judgement, lines: list[str], colour: str
) -> None:
    _, _, width_in, height_in = box
    axes = place.axes(*box)
    axes.set_xlim(0, width_in)
    axes.set_ylim(height_in, 0)
    axes.axis("off")
    works, fails = judgement.outcome is Outcome.WORKS, judgement.outcome is Outcome.FAILS
    style: dict[str, Any] = {
        "facecolor": tint(colour, 0.1) if works else "white",
        "edgecolor": RULE if fails else tint(colour, 0.45),
        "linewidth": 0.8,
    }
    shape = FancyBboxPatch((0.02, 0.02), width_in - 0.04, height_in - 0.04, "round,pad=0,rounding_size=0.05", **style)
    axes.add_patch(shape)
    ink = GREY if fails else colour
    mark: dict[str, Any] = {"markersize": MARK, "color": ink, "markeredgewidth": 1.4}
    if fails:
        axes.plot(0.17, 0.17, "x", **mark)
    else:
        half: dict[str, Any] = {"fillstyle": "full" if works else "left", "markerfacecoloralt": "white"}
        axes.plot(0.17, 0.17, "o", **mark, **half)
    axes.text(0.3, 0.175, judgement.outcome.value, va="center", weight="bold", color=GREY if fails else INK)
    for row, line in enumerate(lines):
        ink = INK if row < len(judgement.reasons) else GREY
        axes.text(PAD_IN, VERDICT_IN + 0.06 + row * LINE_IN, line, va="center", color=ink, size=7)
