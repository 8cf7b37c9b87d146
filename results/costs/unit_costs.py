"""The unit costs of each transport on each link, as a run measured them: bytes, and CPU seconds of the servers.

Teaches that counts follow from theory, and their price from measurement: every byte and every CPU second has one of
three causes, which are a command, a delivery, and asking (or, of who is only pushed to, a second online). A run that
varies these three (`LOADS`) gives one equation for each load, and least squares give the unit costs. A run that does
not, and a link with fewer loads, scale the unit costs of another. `rates` has the costs of a bill, by other causes.
"""

from collections import defaultdict
from collections.abc import Mapping
from math import isfinite
from typing import Any

import pandas as pd

from results.costs.rates import LOADS, Causes, Rate, fitted, memory
from results.schema import SERVERS_CPU
from servers.transports import TRANSPORTS, Reads, Transport, find

Links = Mapping[str, Mapping[str, Any]]
"""The unit costs on each link, by transport."""

UNITS = {
    "bytes": ["client_up_bytes", "client_down_bytes", "publish_bytes"],
    "cpu_s": list(SERVERS_CPU),
    "api_cpu_s": ["api_cpu_s"],
}
MEMORY = ["api_rss_bytes", "push_service_rss_bytes"]


def by_link(cells: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the unit costs of each transport on each link where all of `LOADS` and all they cost were measured."""
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for link, of_link in cells.groupby("link", sort=False):
        for row in TRANSPORTS:
            own = of_link[of_link["transport"] == row.slug]
            is_counted = own[[*UNITS["bytes"], *UNITS["cpu_s"]]].notna().all(axis=None)
            if set(LOADS) <= set(own["scenario"]) and is_counted:
                found[str(link)][row.slug] = costs = unit_costs(own, row)
                heavy = found["plain"].get(row.slug, costs)  # other links are not measured under heavy load
                costs["cpu_s"]["least"] = min(costs["cpu_s"]["least"], heavy["cpu_s"]["least"])
    return found


def on_links(measured: Links, links: Links, cells: pd.DataFrame, usual: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the unit costs on each link that the cells have: measured, or else scaled from those in `links`.

    usual: the cells to scale by, of loads without a delay and with texts of one length.
    """
    return {
        link: {
            slug: measured.get(link, {}).get(slug)
            or scaled(costs, usual[(usual["link"] == link) & (usual["transport"] == slug)], slug, is_same=link in links)
            for slug, costs in links.get(link, links["plain"]).items()
        }
        for link in map(str, cells["link"].unique())
    }


def unit_costs(own: pd.DataFrame, transport: Transport) -> dict[str, Any]:
    """Return what a command, a delivery and asking cost by a transport's cells: bytes, and CPU seconds.

    cpu_s: of all servers. api_cpu_s: of the API's alone, which is all that a serverless host would run.
    error: the largest relative error at one of `LOADS`. least: of `cpu_s`, see `_least_share`. served_s: how much later
    each further member of a room sees a message. base_s: p50 and p95 of the latency in a conversation, without the time
    in which other members are served, each as the lowest, median and highest repeat. Neither applies to a poller.
    users_max, members_max: the most users, and members of a room, that were measured.
    """
    loads = {name: own[own["scenario"] == name] for name in LOADS}
    causes = [_causes(load, transport) for load in loads.values()]
    units: dict[str, Any] = {}
    for name, columns in UNITS.items():
        rate = fitted(causes, [float(load[columns].to_numpy().sum()) for load in loads.values()])
        units[name] = {"command": rate.event, "delivery": rate.delivery, "asking": rate.user_s, "error": rate.error}
    units["cpu_s"]["least"] = _least_share(own[own["scenario"].isin([*LOADS, "steps"])], transport, units["cpu_s"])
    idle, talk = (loads[name] for name in ("idle", "conversation"))
    process_bytes, user_bytes = memory(*(load.assign(api_rss_bytes=load[MEMORY].sum(axis=1)) for load in (idle, talk)))
    served_s = _served_s(talk, loads["large_room"])
    return units | {
        "served_s": served_s,
        "base_s": _base_s(talk, served_s),
        "process_bytes": process_bytes,
        "user_bytes": user_bytes,
        "users_max": int(own["users"].max()),
        "members_max": int(own["room_size"].max()),
    }


def _least_share(cells: pd.DataFrame, transport: Transport, unit: Mapping[str, float]) -> float:
    """Return the smallest share of what these unit costs predict that one of the loads took.

    It is below 1, since the unit costs are fitted to light loads, and a busy process does more work in one go.
    """
    rate = Rate(unit["command"], unit["delivery"], unit["asking"])
    shares = [
        float(load[UNITS["cpu_s"]].to_numpy().sum()) / rate.of(_causes(load, transport))
        for _, load in cells.groupby(["scenario", "point"])
    ]
    return min(1.0, *shares)


def scaled(units: dict[str, Any], own: pd.DataFrame, slug: str, *, is_same: bool) -> dict[str, Any]:
    """Return unit costs in proportion: times what a transport's cells cost, divided by what these unit costs predict.

    is_same: whether the unit costs are of the same link; if so, they also hold for a transport without cells.
    """
    talk = own[own["scenario"] == "conversation"]
    base_s = _base_s(own if talk.empty else talk, units["served_s"])
    if not all(map(isfinite, base_s["p95"])):
        return units if is_same else units | {"users_max": 0, "members_max": 0}
    causes, made = _causes(own, find(slug)), dict(units)
    for name, columns in UNITS.items():
        unit = dict(units[name])
        predicted = Rate(unit["command"], unit["delivery"], unit["asking"]).of(causes)
        counted = float(own[columns].to_numpy().sum())
        factor = counted / predicted if isfinite(counted) else 1.0
        made[name] = {part: value if part in ("error", "least") else factor * value for part, value in unit.items()}
    most = {"users_max": int(own["users"].max()), "members_max": int(own["room_size"].max())}
    return made | {"base_s": base_s, **most}


def _served_s(few: pd.DataFrame, many: pd.DataFrame) -> float:
    """Return how much later each further member of a room sees a message, from p95 in a small and a large room."""
    later_s = many["latency_p95_s"].median() - few["latency_p95_s"].median()
    return float(max(0.0, later_s / (0.95 * (many["room_size"].mean() - few["room_size"].mean()))))


def _base_s(cells: pd.DataFrame, served_s: float) -> dict[str, list[float]]:
    """Return the spread of p50 and p95 of the latency, without the time in which other members are served."""
    return {
        f"p{share}": spread((cells[f"latency_p{share}_s"] - share / 100 * served_s * cells["room_size"]).clip(lower=0))
        for share in (50, 95)
    }


def spread(values: pd.Series) -> list[float]:
    """Return the lowest, the median and the highest, in four digits."""
    return [float(f"{each:.4g}") for each in (values.min(), values.median(), values.max())]


def _causes(load: pd.DataFrame, transport: Transport) -> Causes:
    """Return the commands, the deliveries, and how often users asked or, if they need not, for how long they stayed."""
    is_pushed_to = transport.reads is Reads.ONCE and not transport.needs_push_service
    asked = load["users"] * load["measured_s"] if is_pushed_to else load["requests_receive"] + load["requests_upkeep"]
    return Causes(float(load["actions"].sum()), float(load["delivered"].sum()), float(asked.sum()))
