"""The picture of the README: who waits, how long until a message is seen, and how many requests it took.

Each transport has a lane, all on the same clock. A dot at the top is a message that is sent; each of its lines falls to
the moment when one client of the room saw it. Vertical lines are pushed messages; slanted ones waited for a poll.
"""

import textwrap
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from notebooks.analysis import headlines, wording
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, PALE, Placing, is_narrow, sheet
from notebooks.analysis.prices import EMPTY, REQUESTS, price
from notebooks.analysis.quantiles import latencies, latency, medians_ms
from notebooks.analysis.runs import Run
from servers import transports

STRIP_IN = 0.56
HEADER_IN = 0.5
FOOTER_IN = 0.42
TIED = "equal, within\nthe error"
MESSAGES_SHOWN = 8
LINES_FULL = 60


class Layout(NamedTuple):
    """Where the parts of a lane are, in inches from its top left; waits_characters: how long a line of text may be."""

    lane_in: float
    strip_left: float
    strip_top: float
    strip_width: float
    latency_left: float
    requests_left: float
    waits_characters: int = 24


WIDE = Layout(0.98, strip_left=2.0, strip_top=0.05, strip_width=3.6, latency_left=5.75, requests_left=6.95)
NARROW = Layout(
    1.55, strip_left=0.5, strip_top=0.75, strip_width=3.1, latency_left=1.75, requests_left=2.82, waits_characters=21
)


def draw(run: Run) -> Figure:
    """Return the overview of a run: a lane for each of its transports."""
    layout = NARROW if is_narrow() else WIDE
    shown_s = _shown_s(run)
    height_in = HEADER_IN + layout.lane_in * len(run.slugs) + FOOTER_IN
    subtitle = f"{_what_is_shown(run, shown_s)}\n{headlines.evidence(run)}"
    place, top_in = sheet(height_in, headlines.latency_finding(run), subtitle)
    titles = {"Who waits": MARGIN_IN, "Half see it within": layout.latency_left, "Requests each": layout.requests_left}
    if layout is WIDE:
        titles["From sent to seen"] = layout.strip_left
    for title, left_in in titles.items():
        place.text(left_in, top_in + 0.2, title, color=GREY)
    for row, slug in enumerate(run.slugs):
        lane_in = top_in + HEADER_IN + row * layout.lane_in
        _lane_texts(place, lane_in, layout, run, slug)
        axes = place.axes(layout.strip_left, lane_in + layout.strip_top, layout.strip_width, STRIP_IN)
        _strip(axes, excerpt(run, slug, shown_s), shown_s, transports.find(slug).colour)
        _clock(axes, labelled=row == len(run.slugs) - 1)
    return place.figure


def excerpt(run: Run, slug: str, shown_s: float) -> pd.DataFrame:
    """Return when messages were intended and received, in seconds from the excerpt's start.

    The excerpt is the middle of a transport's first repeat that is not void, in the first room. Of a full run it shows
    the deliveries that were kept: a sample.
    """
    samples = run.deliveries_of(slug)
    samples = samples[samples["repeat"] == samples["repeat"].min()]
    samples = samples[samples["room"] == samples["room"].min()]
    middle_s = (samples["intended_s"].min() + samples["intended_s"].max()) / 2
    moments: pd.DataFrame = samples[["intended_s", "received_s"]] - (middle_s - shown_s / 2)
    return moments[(moments["received_s"] >= 0) & (moments["intended_s"] <= shown_s)]


def _what_is_shown(run: Run, shown_s: float) -> str:
    room = f"{shown_s:g} s in a room of {run.cells['room_size'].max()}"
    polled = f", polled every {run.setting('poll_interval_s'):g} s" if run.is_polled else ""
    return f"{room}{polled}. Each line is one message on its way to one client"


def _shown_s(run: Run) -> float:
    """Return how many whole seconds to show: about eight messages, or twice the longest wait; at most the window."""
    first = run.deliveries.drop_duplicates(["transport", "repeat", "room", "seq"])
    rooms = first[["transport", "repeat", "room"]].drop_duplicates().merge(run.cells, on=["transport", "repeat"])
    per_s = len(first) / float(rooms["measured_s"].sum())
    longest_ms = max(row.quantiles[max(row.quantiles)].value for row in latencies(run))
    wanted_s = max(MESSAGES_SHOWN / per_s, 2 * longest_ms / 1000)
    return float(np.ceil(min(wanted_s, run.cells["measured_s"].min())))


def _lane_texts(place: Placing, top_in: float, layout: Layout, run: Run, slug: str) -> None:
    """Write the name and the figures of a lane."""
    transport = transports.find(slug)
    found = latency(run, slug)
    requests = price(run, slug, REQUESTS)
    name, _, aside = run.label_of(slug).partition(" (")  # aside ends with its bracket
    waits = transport.who_waits + (f" ({aside}" if aside else "")
    lines = textwrap.wrap(waits, layout.waits_characters, break_on_hyphens=False)
    place.text(MARGIN_IN, top_in, name, color=transport.colour, weight="bold", size=10)
    place.text(MARGIN_IN, top_in + 0.21, "\n".join(lines), color=GREY, linespacing=1.3)
    big = {"color": transport.colour, "weight": "bold", "size": 15}
    medians = medians_ms(run)
    place.text(layout.latency_left, top_in, wording.duration(medians[slug]), **big)
    tied = list(medians.values()).count(medians[slug]) > 1
    if p95_ms := found.quantiles.get(0.95):
        below = TIED if tied else f"95 % in {wording.duration(p95_ms.value)}"
        place.text(layout.latency_left, top_in + 0.34, below, color=GREY)
    place.text(layout.requests_left, top_in, wording.amount(requests.total.value) if requests else "", **big)
    empty_reads = price(run, slug, EMPTY)
    empty = f"{empty_reads.total.value:.0f} % empty" if empty_reads else "nobody polls"
    place.text(layout.requests_left, top_in + 0.34, empty, color=GREY)


def _strip(axes: Axes, shown: pd.DataFrame, shown_s: float, colour: str) -> None:
    """Draw the falling lines; the more lines there are, the paler they are."""
    falls = [((sent, 1.0), (seen, 0.0)) for sent, seen in shown.itertuples(index=False)]
    strength = float(np.clip(LINES_FULL / max(len(falls), 1), 0.15, 0.8))
    axes.add_collection(LineCollection(falls, colors=[colour], linewidths=0.8, alpha=strength))
    dots: dict[str, Any] = {"marker": "o", "linestyle": "none", "markeredgewidth": 0}
    axes.plot(shown["received_s"], np.zeros(len(shown)), color=colour, markersize=2.8, alpha=0.8, **dots)
    sent_s = shown["intended_s"].unique()
    axes.plot(sent_s, np.ones_like(sent_s), color=INK, markersize=3.2, **dots)
    axes.axhline(1, color=PALE, linewidth=0.8, zorder=0)
    axes.axhline(0, color=PALE, linewidth=0.8, zorder=0)
    axes.set_xlim(0, shown_s)
    axes.set_ylim(-0.1, 1.1)


def _clock(axes: Axes, *, labelled: bool) -> None:
    """Name the two rails of a lane, and the seconds under the last one."""
    axes.set_yticks([0, 1], ["seen", "sent"], size=7)
    axes.spines["bottom"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.tick_params(axis="x", length=0, labelbottom=labelled)
    if labelled:
        axes.set_xlabel("seconds", size=7.5)
