"""What a managed push service adds: a transit for each message, and a vendor who counts every delivery.

The vendor's count is computed: what the run published and delivered, by the rule that Pusher publishes.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.comparisons import distance_median_ms, latency_ms
from notebooks.analysis.figures.curves import Curve
from notebooks.analysis.quantiles import Interval, interval
from notebooks.analysis.runs import Run, load, points
from results.costs.deployments import ADAPTER, SOCKETS, Measured, pusher_and_serverless
from results.costs.metering import Activity, pusher_messages
from results.costs.plans import Prices
from servers import transports

TO_MS = 1000.0
PRESENCE_BY = "presence_by"
COUNTED = ("idle", "conversation", "busy", "signals", "large_room")
LIMITS: Mapping[tuple[str, str], str] = {
    ("vercel", "invocations"): "requests",
    ("pusher", "connections"): "connections",
    ("pusher", "messages_per_day"): "messages",
}
"""The limits that end the free plans: by service and meter, their names in a table."""


def third_transit(folder: Path, percent: int = 50) -> list[Curve]:
    """Return latencies in ms against the delay between API and service: with a push service, and without one.

    Theory predicts medians only.
    """
    runs = {TO_MS * run.setting("push_link_delay_s"): run for run in points(folder, "third_transit").values()}
    xs = sorted(runs)
    one_way_ms = TO_MS * runs[xs[0]].setting("one_way_delay_s")
    own = dict.fromkeys(xs, load(folder, "distance", f"{one_way_ms:g} ms away"))
    return [_curve(ADAPTER, runs, xs, percent), _curve(SOCKETS, own, xs, percent)]


def _curve(slug: str, runs: Mapping[float, Run], xs: Sequence[float], percent: int) -> Curve:
    row = transports.find(slug)
    predicted = [distance_median_ms(runs[x], slug) for x in xs] if percent == 50 else []
    return Curve(row.label, row.colour, xs, [latency_ms(runs[x], slug, percent) for x in xs], predicted)


def _billed(run: Run) -> pd.Series:
    """Return what Pusher would count in each repeat: every event is published, and every delivery counts."""
    kinds = run.kinds[run.kinds["transport"] == ADAPTER]
    return (kinds["events"] + kinds["delivered"]).groupby(kinds["repeat"]).sum()


def counted_per_message(run: Run) -> Interval:
    """Return what Pusher would count for each message, over the repeats, with the signals that came beside it."""
    return interval(list(_billed(run) / run.quantiles_of(ADAPTER).set_index("repeat")["events"]))


def minutes_until_used(run: Run, messages: float) -> float:
    """Return after how many minutes of a run's load Pusher would have counted this number of messages."""
    return float(messages * run.cells_of(ADAPTER)["measured_s"].sum() / _billed(run).sum() / 60)


def counting(folder: Path, messages: float, connections: int) -> wording.Prose:
    """Return the vendor's count for each load, by measurement and by rule, and what a plan of a day's messages allows.

    connections: how many the plan allows; each user has one.
    """
    rows = {}
    for name in COUNTED:
        run = load(folder, name)
        size = int(run.cells["room_size"].iloc[0])
        counted = counted_per_message(run).value
        rows[name.replace("_", " ")] = {
            "people in a room": f"{size}",
            "users": f"{run.cells_of(ADAPTER)['users'].max()}",
            "a message counts": wording.amount(counted),
            "by the rule": wording.amount(pusher_messages(1, size)),
            f"{messages:,} last": f"{minutes_until_used(run, messages):.0f} minutes",
            "messages that may be sent in a day": wording.amount(messages / counted),
            f"by each of {connections}": wording.amount(messages / counted / connections),
        }
    return wording.table(rows)


def users_within(
    measured: Measured,
    prices: Prices,
    activity: Activity,
    limit: tuple[str, str],
    most: int,
    plan: int = 0,
    webhooks: bool = False,
) -> int:
    """Return the most users, up to `most`, for whom a limit of a plan suffices. plan: its index; 0 is the free one."""
    service, meter = limit

    def share(users: int) -> float:
        usage = pusher_and_serverless(measured, replace(activity, users=users), prices.assumptions, "", webhooks)
        return prices.plans[service][plan].shares(usage[service])[meter]

    return bisect_right(range(1, most + 1), 1.0, key=share)


def presence_per_minute(folder: Path, column: str) -> dict[str, float]:
    """Return a count per user and minute, by what keeps users online."""
    counts = {}
    for name, run in points(folder, PRESENCE_BY).items():
        cells = run.cells_of(ADAPTER)
        counts[name] = float(60 * cells[column].sum() / (cells["users"] * cells["measured_s"]).sum())
    return counts


def free_users(measured: Measured, prices: Prices, activity: Activity, most: int) -> dict[str, dict[str, int]]:
    """Return the most users for whom each limit of the free plans suffices, by what keeps users online."""
    return {
        name: {
            LIMITS[limit]: users_within(measured, prices, activity, limit, most, webhooks=name == "webhooks")
            for limit in LIMITS
        }
        for name in ("heartbeats", "webhooks")
    }


def plans_table(measured: Measured, prices: Prices, activity: Activity, most: int) -> wording.Prose:
    """Return the vendor's plans: their prices and limits, and for how many users each limit suffices."""
    rows = {}
    for place, plan in enumerate(prices.plans["pusher"]):
        users = {
            meter: users_within(measured, prices, activity, ("pusher", meter), most, place) for meter in plan.included
        }
        rows[plan.name] = {
            "a month": f"${plan.usd:,.0f}",
            "connections": f"{plan.included['connections']:,.0f}",
            "messages a day": f"{plan.included['messages_per_day']:,.0f}",
            "users by connections": f"{users['connections']:,}",
            "by messages": f"{users['messages_per_day']:,}",
            "known": plan.known,
        }
    return wording.table(rows)
