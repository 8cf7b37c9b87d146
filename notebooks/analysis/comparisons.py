"""Loads of one scenario side by side: what grows with the interval, the distance, the activity or the users.

Makes the curves for `notebooks.analysis.figures.curves`, one for each transport or percentile, and the single figures
of a run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from notebooks.analysis import wording
from notebooks.analysis.figures.curves import Curve, Panel
from notebooks.analysis.figures.style import tint
from notebooks.analysis.prices import BYTES, CPU, EMPTY, Measure, by_repeat
from notebooks.analysis.quantiles import Interval, interval
from notebooks.analysis.runs import Run, in_registry_order, points
from results import theory
from results.predictions import latency_s
from servers import transports
from servers.transports import Reads

SHORT = "short_polling"
TO_MS = 1000.0


def latency_ms(run: Run, slug: str, percent: int, kind: str = "message") -> Interval:
    """Return a percentile of delivery latency over the repeats, in ms."""
    return interval([TO_MS * value for value in run.quantiles_of(slug, kind)[f"latency_p{percent}_s"]])


def paid(run: Run, slug: str, measure: Measure) -> Interval:
    """Return a price over the repeats, in the measure's unit."""
    return interval(list(by_repeat(run, slug, measure)))


def cpu_ratio(run: Run, slug: str, than: str) -> Interval:
    """Return a transport's CPU time per delivery as a multiple of another's, paired within each repeat.

    The speed of the machine, which changes from repeat to repeat, cancels out.
    """
    own, other = (by_repeat(run, name, CPU) for name in (slug, than))
    return interval(list((own / other).dropna()))


def interval_sweep(folder: Path) -> list[Curve]:
    """Return median and p95 of short polling in s against its interval in s, over Uniform(0, T)."""
    runs = {run.setting("poll_interval_s"): run for run in points(folder, "interval_sweep").values()}
    colour = transports.find(SHORT).colour
    xs = sorted(runs)
    return [
        Curve(
            f"p{percent}",
            tint(colour, strength),
            xs,
            [interval(list(runs[x].quantiles_of(SHORT)[f"latency_p{percent}_s"])) for x in xs],
            [theory.uniform_wait_quantile_s(percent / 100, x) for x in xs],
        )
        for percent, strength in ((50, 1.0), (95, 0.7))
    ]


def distance_sweep(folder: Path) -> list[Curve]:
    """Return medians in ms against the one-way delay in ms, of all transports but short polling."""
    runs = {TO_MS * run.setting("one_way_delay_s"): run for run in points(folder, "distance").values()}
    slugs = [row.slug for row in transports.TRANSPORTS if row.reads is not Reads.POLL]
    measured = across(runs, slugs, partial(latency_ms, percent=50))
    return [replace(curve, theory=[2 * delay_ms for delay_ms in curve.x]) for curve in measured]


def acked_ms(run: Run, slug: str, is_first: bool) -> float:
    """Return after how many ms a message is acknowledged: each user's first one, or those in the window; a median."""
    return TO_MS * float(run.cells_of(slug)["first_ack_p50_s" if is_first else "ack_p50_s"].median())


def distance_median_ms(run: Run, slug: str) -> float:
    """Return the median that theory predicts at a distance: the transits, and half of a poller's longest wait."""
    links_s = map(run.setting, ("one_way_delay_s", "push_link_delay_s"))
    return TO_MS * latency_s(transports.find(slug), 0.5, [(run.setting("poll_interval_s"), 1.0)], *links_s)


def across(runs: Mapping[float, Run], slugs: Sequence[str], figure_of: Callable[[Run, str], Interval]) -> list[Curve]:
    """Return one figure of each transport against what the runs are keyed by, where a run has a valid cell of it.

    Ringed: where a repeat is suspect.
    """
    curves = []
    for transport in map(transports.find, slugs):
        xs = [x for x in sorted(runs) if transport.slug in runs[x].slugs]
        points = [figure_of(runs[x], transport.slug) for x in xs]
        suspect = [x for x in xs if "suspect" in set(runs[x].cells_of(transport.slug)["verdict"])]
        curves.append(Curve(transport.label, transport.colour, xs, points, ringed=suspect))
    return curves


def price_panels(runs: Mapping[float, Run], x_title: str) -> list[Panel]:
    """Return bytes and CPU per delivery of each transport, against what the runs are keyed by."""
    slugs = in_registry_order(slug for run in runs.values() for slug in run.slugs)
    titles = {f"{measure.title}, {measure.unit}": measure for measure in (BYTES, CPU)}
    curves = {title: across(runs, slugs, partial(paid, measure=measure)) for title, measure in titles.items()}
    return [Panel(title, x_title, curves[title], wording.amount, log_x=True, log_y=True) for title in titles]


def activity_per_s(run: Run) -> float:
    """Return how many messages per second one client received: lambda of `results.theory`."""
    return float(run.cells["delivered"].sum() / (run.cells["users"] * run.cells["measured_s"]).sum())


def empties(runs: Sequence[Run]) -> list[tuple[float, Interval, float]]:
    """Return for each run of short polling: lambda T, the empty responses in %, and exp(-lambda T) in %; ascending."""
    rows = []
    for run in runs:
        expected = activity_per_s(run) * run.setting("poll_interval_s")
        rows.append((expected, paid(run, SHORT, EMPTY), 100 * theory.empty_share(expected, 1.0)))
    return sorted(rows, key=lambda row: row[0])


def still_true(run: Run, slug: str, kind: str) -> Interval:
    """Return the share of the deliveries of a kind of event that were still true when seen, in %."""
    rows = run.quantiles_of(slug, kind)
    return interval(list(100 * rows["still_true"] / rows["delivered"]))


def left_unread(run: Run, slug: str, kind: str) -> Interval:
    """Return the share of events of a kind that a reader never saw, since they left before their next poll, in %."""
    rows = run.quantiles_of(slug, kind)
    return interval(list(100 * rows["missed_by_leaving"] / (rows["delivered"] + rows["missed_by_leaving"])))
