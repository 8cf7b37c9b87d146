"""What becomes of each transport on each serverless host: a matrix of verdicts, with what they rest on.

A full disc works, half a disc limps, a cross dies; below stand the reasons, and what it takes: the median delivery, and
how many seconds of function each user takes in an hour.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from notebooks.analysis import wording
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, RULE, WIDTH_IN, Placing, sheet, tint
from notebooks.analysis.serverless import Fate, Hosted, Verdict
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
    words = {slug: [_words(hosted, slug, host) for host in hosted.hosts] for slug in hosted.slugs}
    heights_in = {slug: VERDICT_IN + LINE_IN * max(map(len, cells)) + PAD_IN for slug, cells in words.items()}
    figure, top_in = sheet(HEADER_IN + sum(heights_in.values()) + GAP_IN * len(words) + FOOTER_IN, title, subtitle)
    place, at_in = Placing(figure), top_in + HEADER_IN
    width_in = (WIDTH_IN - NAMES_IN - MARGIN_IN) / len(hosted.hosts) - GAP_IN
    lefts_in = [NAMES_IN + GAP_IN + column * (width_in + GAP_IN) for column in range(len(hosted.hosts))]
    for left_in, (host, limits) in zip(lefts_in, hosted.hosts.items(), strict=True):
        place.text(left_in + PAD_IN, top_in + 0.14, host, weight="bold")
        place.text(left_in + PAD_IN, top_in + 0.3, told_limits(limits), color=GREY, size=7, linespacing=1.25)
    for slug, cells in words.items():
        name = hosted.label_of(slug).replace(" (", "\n(").replace("Server-Sent ", "Server-Sent\n")
        colour = transports.find(slug).colour
        place.text(MARGIN_IN, at_in + PAD_IN, name, color=colour, weight="bold", size=8, linespacing=1.25)
        for left_in, host, lines in zip(lefts_in, hosted.hosts, cells, strict=True):
            _cell(place, (left_in, at_in, width_in, heights_in[slug]), hosted.fate(slug, host), lines, colour)
        at_in += heights_in[slug] + GAP_IN
    return figure


def told_limits(limits: Mapping[str, Any]) -> str:
    """Say what a host allows, in one line."""
    sockets = "WebSockets" if limits["websockets"] else "no WebSockets"
    return f"{limits['max_duration_s']:g} s, {sockets},\n{limits['concurrency']} at once; {limits['as_of']}"


def _words(hosted: Hosted, slug: str, host: str) -> list[str]:
    stay, fate = hosted.stay(slug, host), hosted.fate(slug, host)
    if fate.verdict is Verdict.DIES:
        refused = stay.told["upgrades_ignored"]
        return [*fate.reasons, f"{refused} upgrades refused"] if refused else list(fate.reasons)
    waits = wording.amount(stay.per_user_hour("invocation_s"))
    return [*fate.reasons, f"seen after {wording.duration(stay.latency_ms(50))}", f"{waits} s of each user's hour"]


def _cell(place: Placing, box: tuple[float, float, float, float], fate: Fate, lines: list[str], colour: str) -> None:
    _, _, width_in, height_in = box
    axes = place.axes(*box)
    axes.set_xlim(0, width_in)
    axes.set_ylim(height_in, 0)
    axes.axis("off")
    works, dies = fate.verdict is Verdict.WORKS, fate.verdict is Verdict.DIES
    look: dict[str, Any] = {
        "facecolor": tint(colour, 0.1) if works else "white",
        "edgecolor": RULE if dies else tint(colour, 0.45),
        "linewidth": 0.8,
    }
    shape = FancyBboxPatch((0.02, 0.02), width_in - 0.04, height_in - 0.04, "round,pad=0,rounding_size=0.05", **look)
    axes.add_patch(shape)
    ink = GREY if dies else colour
    mark: dict[str, Any] = {"markersize": MARK, "color": ink, "markeredgewidth": 1.4}
    if dies:
        axes.plot(0.17, 0.17, "x", **mark)
    else:
        half: dict[str, Any] = {"fillstyle": "full" if works else "left", "markerfacecoloralt": "white"}
        axes.plot(0.17, 0.17, "o", **mark, **half)
    axes.text(0.3, 0.175, fate.verdict.value, va="center", weight="bold", color=GREY if dies else INK)
    for row, words in enumerate(lines):
        ink = INK if row < len(fate.reasons) else GREY
        axes.text(PAD_IN, VERDICT_IN + 0.06 + row * LINE_IN, words, va="center", color=ink, size=7)
