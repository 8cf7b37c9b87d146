"""How claims about rented services are tested: a push service, by its own client and beside raw WebSockets, and
serverless hosts as they were in several years, each with every transport (`hosted.json`).
"""

from collections.abc import Mapping
from statistics import median
from typing import Any

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.claims.claim import INSTANT_MS, Evidence, Observed, format_time
from notebooks.analysis.comparisons import latency_ms
from notebooks.analysis.quantiles import interval
from notebooks.analysis.serverless import Hosted, Outcome
from notebooks.analysis.wire.fallbacks import pusher_js
from results.schema import CAPTURES_FILE

ADAPTER, WEBSOCKET, STREAM = "pusher_adapter", "raw_websocket", "server_sent_events"
DOCUMENT_S = 60.0  # the longest that the source document gives a function


def short_lived(evidence: Evidence) -> Observed:
    own = _with_own_limit(evidence.hosted)
    limits = ", ".join(
        f"{host['max_duration_s']:g} s ({name}, {host['as_of']}, {host['known']})" for name, host in own.items()
    )
    lasted_s = _cut_connections_s(evidence.hosted, STREAM, next(iter(own)))
    figure = f"{limits}; a stream on a model of the first was cut after {_length(lasted_s)}"
    return Observed(max(host["max_duration_s"] for host in own.values()) > DOCUMENT_S, figure)


def no_connection(evidence: Evidence) -> Observed:
    hosted = evidence.hosted
    counts = {host: hosted.row(WEBSOCKET, host).figures for host in _with_own_limit(hosted)}
    joined = ", ".join(f"{row['connected']} of {row['users']} connect on {host}" for host, row in counts.items())
    figure = f"raw WebSockets on models of three hosts: {joined}"
    return Observed(any(row["connected"] == row["users"] for row in counts.values()), figure)


def dies_in_ten_seconds(evidence: Evidence) -> Observed:
    hosted = evidence.hosted
    short = list(hosted.hosts)[-1]  # the host that has another one's limit
    long = max(hosted.hosts, key=lambda host: float(hosted.hosts[host]["max_duration_s"]))
    cut, longer = (hosted.row(WEBSOCKET, host) for host in (short, long))
    lasted_s, longer_s = (_cut_connections_s(hosted, WEBSOCKET, host) for host in (short, long))
    gap = wording.duration(1000 * cut.figures["gap_p50_s"])
    limits_s = [f"{hosted.hosts[host]['max_duration_s']:g} s" for host in (short, long)]
    there = f"they lasted {_length(longer_s)}" if longer.cuts else f"none cut in {longer.figures['measured_s']:.0f} s"
    return Observed(
        len(lasted_s) > 0 and (longer_s.empty or longer_s.min() > DOCUMENT_S),
        f"limit {limits_s[0]}: connections lasted {_length(lasted_s)}, back after {gap}, {cut.figures['lost']:.0f} "
        f"messages lost; limit {limits_s[1]}: {there}",
    )


def adapter_works(evidence: Evidence) -> Observed:
    hosted = evidence.hosted
    rows = [hosted.row(ADAPTER, host) for host in hosted.hosts]
    works = hosted.outcomes(ADAPTER).count(Outcome.WORKS)
    delivered, lost = (sum(row.figures[name] for row in rows) for name in ("delivered", "lost"))
    late = wording.duration(median(row.median_ms for row in rows))
    figure = (
        f"works on {works} of {len(rows)} models: {delivered} deliveries, {lost:.0f} lost, p50 {late} on one machine"
    )
    return Observed(works == len(rows), figure)


def adapter_is_cheap(evidence: Evidence) -> Observed:
    hosted = evidence.hosted
    adapter = [hosted.row(ADAPTER, host).per_user_hour("invocation_s") for host in hosted.hosts]
    held = [hosted.row(STREAM, host).per_user_hour("invocation_s") for host in hosted.hosts]
    figure = f"{_range(adapter)} s of function in a user's hour; {_range(held)} s if functions hold the connections"
    return Observed(max(adapter) < min(held) / 100 and set(hosted.outcomes(ADAPTER)) == {Outcome.WORKS}, figure)


def _with_own_limit(hosted: Hosted) -> dict[str, Mapping[str, Any]]:
    """Return the hosts with the limits that they have, or had; not those that the experiment gave another limit."""
    return {name: host for name, host in hosted.hosts.items() if name == host["name"]}


def _cut_connections_s(hosted: Hosted, slug: str, host: str) -> pd.Series:
    """Return the durations of the first user's connections that were cut."""
    rows = hosted.timeline_of(slug, host)
    cut = rows[(rows["phase"] == "connection") & ~rows["succeeded"]]
    return cut["ended_s"] - cut["started_s"]


def _length(lasted_s: pd.Series) -> str:
    return f"{lasted_s.median():.1f} s" if len(lasted_s) else "no time, since none was"


def _range(values: list[float]) -> str:
    low, high = wording.amount(min(values)), wording.amount(max(values))
    return low if low == high else f"{low} to {high}"


def needs_persistence(evidence: Evidence) -> Observed:
    cells = evidence.run("churn", "server restart").cells_of(WEBSOCKET)
    returns, users, lost = (int(cells[name].sum()) for name in ("storm_returns", "users", "lost"))
    back = format_time(interval([1000 * storm_s for storm_s in cells["storm_max_s"]]))
    figure = f"a restart broke {returns} of {users} connections, lost {lost}; all were back in {back} on one machine"
    return Observed(returns == users and lost == 0, figure)


def is_websockets(evidence: Evidence) -> Observed:
    found = pusher_js(evidence.folder / CAPTURES_FILE)
    chosen = [f"{client.transport} {network} ({client.subscribed_s:.1f} s)" for network, client in found.items()]
    transports = [client.transport for client in found.values()]
    figure = f"pusher-js chooses {', '.join(chosen)}"
    return Observed(set(transports) != {"ws"} if transports[0] == "ws" else None, figure)


def same_result(evidence: Evidence) -> Observed:
    managed, raw = (latency_ms(evidence.run("conversation"), slug, 50) for slug in (ADAPTER, WEBSOCKET))
    points = (f"{ms} ms to the service" for ms in (0, 100))
    near, far = (latency_ms(evidence.run("third_transit", point), ADAPTER, 50) for point in points)
    added_ms = far.value - near.value
    return Observed(
        None if managed.value >= INSTANT_MS else added_ms > INSTANT_MS / 2,
        f"p50 {format_time(managed)} by the stand-in, {format_time(raw)} raw, on one machine; "
        f"a service 100 ms away from the API adds {added_ms:.0f} ms",
    )


def online_list(evidence: Evidence) -> Observed:
    slugs = evidence.run("signals").slugs
    latencies = {slug: latency_ms(evidence.run("signals"), slug, 50, "presence") for slug in slugs}
    raw = latencies[WEBSOCKET]
    instant = [slug for slug in slugs if latencies[slug].value < INSTANT_MS]
    count = f"{len(instant)} of {len(slugs)} transports"
    figure = f"on one machine: p50 of presence below 100 ms on {count}; {format_time(raw)} by raw WebSocket"
    return Observed(raw.value < INSTANT_MS, figure)
