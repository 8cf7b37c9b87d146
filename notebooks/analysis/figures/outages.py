"""What failures cost the users of each deployment: how long a user saw nothing, and waited for an acknowledgement.

A bar is the longest silence, its thin line the range over repeats; a dark tick is the longest wait for an
acknowledgement. Both are medians over the repeats, and are written at the right, with the number of users who saw that
they were reconnecting. Where the failure is an outage of a given length, a dotted line is its end.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from notebooks.analysis import wording
from notebooks.analysis.deployments.reports import FAILURES, NAMES, STYLES
from notebooks.analysis.figures.marks import bar_rows, key
from notebooks.analysis.figures.style import GREY, INK, MARGIN_IN, WIDTH_IN, Placing, sheet, tint
from notebooks.analysis.intervals import Interval, interval

ROW_IN = 0.24
GROUP_IN = 0.3
NAMES_IN = 1.85
COLUMN_IN = 0.85
HEADER_IN = 0.3
FOOTER_IN = 0.8
COLUMNS = ("silence", "wait", "reconnecting")
BAR = 0.55
AXIS_MIN_S = 1.0
OUTAGES = ("vendor_hangs", "vendor_unreachable")


@dataclass(frozen=True, slots=True)
class OutageRow:
    """One failure of one deployment, times in s over the repeats.

    reconnecting: at most how many saw that they were reconnecting. over_s: when an outage ends; 0 if it is none.
    """

    deployment: str
    silent_s: Interval
    unacknowledged_s: Interval
    reconnecting: int
    over_s: float

    @property
    def longest_s(self) -> float:
        return max(self.silent_s.high, self.unacknowledged_s.value, self.over_s)


def groups(outages: pd.DataFrame) -> dict[str, list[OutageRow]]:
    """Return the rows of each failure, by its description."""
    present = set(outages["failure"])
    listed = [failure for failure in FAILURES if failure in present]
    found = {}
    for failure in (*listed, *sorted(present.difference(listed))):
        cells = outages[outages["failure"] == failure]
        by_deployment = {deployment: cells[cells["deployment"] == deployment] for deployment in NAMES}
        found[FAILURES.get(failure, failure.replace("_", " "))] = [
            _row_of(deployment, failure, each) for deployment, each in by_deployment.items() if not each.empty
        ]
    return found


def _row_of(deployment: str, failure: str, cells: pd.DataFrame) -> OutageRow:
    return OutageRow(
        deployment,
        interval(list(cells["silent_s"])),
        interval(list(cells["unacknowledged_s"])),
        int(cells["connections_broken"].max()),
        float(cells["lasted_s"].median()) if failure in OUTAGES else 0.0,
    )


def draw(outages: pd.DataFrame, people: int, title: str, measure: str) -> Figure:
    """Return the chart of all outages. people: how many talked."""
    found = groups(outages)
    height_in = sum(GROUP_IN + ROW_IN * len(rows) for rows in found.values())
    figure, top_in = sheet(HEADER_IN + height_in + FOOTER_IN, title, measure)
    place, at_in = Placing(figure), top_in + HEADER_IN
    longest_s = max(AXIS_MIN_S, *(row.longest_s for rows in found.values() for row in rows))
    width_in = WIDTH_IN - NAMES_IN - COLUMN_IN * len(COLUMNS) - MARGIN_IN
    for column, heading in enumerate(COLUMNS, 1):
        place.text(NAMES_IN + width_in + column * COLUMN_IN, top_in + 0.16, heading, color=GREY, size=7.5, ha="right")
    for happened, rows in found.items():
        place.text(MARGIN_IN, at_in + 0.1, happened, weight="bold")
        if over_s := max(row.over_s for row in rows):
            over_in = NAMES_IN + width_in * over_s / longest_s
            place.text(over_in, at_in + 0.1, "the vendor is back", color=GREY, size=7.5, ha="center")
        at_in += GROUP_IN
        _bars(place.axes(NAMES_IN, at_in, width_in, ROW_IN * len(rows)), rows, longest_s)
        for row in rows:
            _row_texts(place, row, at_in + ROW_IN / 2, NAMES_IN + width_in, people)
            at_in += ROW_IN
    _key(place, at_in + 0.2)
    return figure


def _row_texts(place: Placing, row: OutageRow, middle_in: float, left_in: float, people: int) -> None:
    """Write the name of a row to the left of its bar, and its figures to the right."""
    colour = STYLES[row.deployment].colour
    place.text(MARGIN_IN, middle_in, NAMES[row.deployment], color=colour, va="center", size=8)
    times = [wording.duration(1000 * time_s.value) for time_s in (row.silent_s, row.unacknowledged_s)]
    figures = (*times, f"{row.reconnecting} of {people}" if row.reconnecting else "nobody")
    for column, text in enumerate(figures, 1):
        place.text(left_in + column * COLUMN_IN, middle_in, text, va="center", ha="right", size=8)


def _bars(axes: Axes, rows: list[OutageRow], longest_s: float) -> None:
    bar_rows(axes, len(rows), longest_s)
    if over_s := max(row.over_s for row in rows):
        dotted: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": ":", "clip_on": False, "zorder": 3}
        axes.plot([over_s] * 2, [-0.8, len(rows) - 0.5], **dotted)
    for number, row in enumerate(rows):
        style = STYLES[row.deployment]
        fill = tint(style.colour, 1.0 if style.line == "-" else 0.45)
        axes.barh(number, row.silent_s.value, height=BAR, color=fill)
        axes.plot([row.silent_s.low, row.silent_s.high], [number, number], color=INK, linewidth=0.8)
        wait: dict[str, Any] = {"color": INK, "linewidth": 1.8, "solid_capstyle": "butt", "clip_on": False}
        axes.plot([row.unacknowledged_s.value] * 2, [number - 0.4, number + 0.4], **wait)


def _key(place: Placing, top_in: float) -> None:
    meanings = {4: "longest time that somebody saw nothing", 38.5: "longest wait for an acknowledgement"}
    axes = key(place, top_in, 0.25, meanings | {73: "range over repeats"})
    axes.barh(0, 3, left=0, height=0.9, color=GREY)
    axes.plot([37, 37], [-0.8, 0.8], color=INK, linewidth=1.8, solid_capstyle="butt")
    axes.plot([69, 72], [0, 0], color=INK, linewidth=0.8)
