"""A row of `results.schema.HOSTED`, made from what users recorded and what the host metered; and rows of TIMELINE.

Teaches that two sides count different things: the host what it bills and whom it cuts, the users what they receive and
how long they are disconnected. It takes both to say whether a transport works there. And that what a transport is shows
in what stays open: who polls has requests, and between them nothing; who is pushed to has a connection, which begins
when it is opened and ends when it is cut. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from math import inf, nan
from typing import Any

from loadtests.accounts.cell import digest, make_cell, scheduled
from loadtests.accounts.rows import KINDS, OPENING, Request
from loadtests.accounts.samples import Samples
from loadtests.accounts.verdict import Status, percentile
from loadtests.scenarios import Planned
from servers.core.wire import Kind
from servers.transports import Reads, Transport

Row = dict[str, str | float]
Bill = Mapping[str, Any]
"""What `servers.deploy.serverless.meter` has counted, under its names."""

METERED = (
    "timeouts",
    "cut_streams",
    "cut_sockets",
    "upgrades_ignored",
    "throttled",
    "failures",
    "cold_starts",
    "invocations",
    "invocation_s",
    "instance_busy_s",
    "instance_alive_s",
    "held_gb_s",
    "cpu_s",
    "boot_cpu_s",
)
DUE = ("messages", "expected", "delivered")
COUNTED = (*DUE, "lost", "duplicates", "out_of_order", "send_retries", "send_failures")
READ_PATH, SEND_PATH, HEARTBEAT_PATH = "/events", "/send", "/heartbeat"
"""How the names of requests end, by which they are distinguished."""


def row_of(planned: Planned, samples: Samples, before: Bill, after: Bill) -> Row:
    """Return a row without its key. before, after: the host's bill at both ends of the window, or of all attempts."""
    took_s = [row.ended_s - row.begun_s for row in samples.requests if _has_response_at_once(planned, row)]
    return {
        **{name: after["profile"][name] for name in ("max_duration_s", "concurrency")},
        "users": planned.workload.users,
        "connected": len(samples.user_ids),
        "measured_s": after["up_s"] - before["up_s"],
        **_delivered(planned, samples),
        **{name: after[name] - before[name] for name in METERED},
        **_cold_starts(before, after),
        **_reconnects(samples),
        "seen_offline": len(set(samples.offline)),
        "response_p50_s": percentile(took_s, 50),
        "heartbeat_lag_p99_s": percentile(samples.lateness_s, 99),
    }


def _delivered(planned: Planned, samples: Samples) -> Row:
    """Return the deliveries and the verdict on them; without a window, as not all could join, none were due."""
    if samples.window.start_s == samples.window.end_s:
        reason = "; ".join(dict.fromkeys([*samples.troubles[:1], *samples.troubles[-1:]]))
        noted = {name: getattr(samples, name, nan) for name in COUNTED} | dict.fromkeys(DUE, 0)
        return {"verdict": Status.VALID, "reason": reason, **noted, "latency_p50_s": nan, "latency_p99_s": nan}
    cell = make_cell(planned, samples, {}, digest(scheduled(planned.workload)))
    latencies_s = [row.received_s - row.intended_s for row in cell.deliveries if row.kind == Kind.MESSAGE]
    return {
        "verdict": cell.verdict.status,
        "reason": cell.verdict.reason,
        **{name: cell.figures[name] for name in COUNTED},
        "latency_p50_s": percentile(latencies_s, 50),
        "latency_p99_s": percentile(latencies_s, 99),
    }


def _cold_starts(before: Bill, after: Bill) -> Row:
    starts_s = after["cold_start_s"]
    return {
        "cold_starts_before": before["cold_starts"],
        "cold_start_min_s": min(starts_s, default=nan),
        "cold_start_p50_s": percentile(starts_s, 50),
        "cold_start_max_s": max(starts_s, default=nan),
    }


def _reconnects(samples: Samples) -> Row:
    """Return the disconnections that users noticed in the window; each counts where it began, whenever it ended."""
    gaps_s = [row.back_s - row.broken_s for row in samples.reconnections_in_window()]
    return {
        "reconnects": len(gaps_s),
        "gap_p50_s": percentile(gaps_s, 50) if gaps_s else 0.0,
        "gap_max_s": max(gaps_s, default=0.0),
    }


def _has_response_at_once(planned: Planned, request: Request) -> bool:
    """Whether a request succeeded that the server does not hold: a poll, a command or a heartbeat."""
    polls = (READ_PATH,) if planned.transport.reads is Reads.POLL else ()
    return request.succeeded and request.name.endswith((*polls, SEND_PATH, HEARTBEAT_PATH))


FIRST = 0


def timeline_of(transport: Transport, samples: Samples) -> list[Row]:
    """Return what happened to the first user, in order, in seconds since they began to open their connection."""
    requests = [row for row in samples.requests if row.user == FIRST]
    openings = [row for row in requests if row.name == OPENING]
    if not openings:
        return []
    start_s, end_s = openings[0].begun_s, samples.window.end_s or inf
    spans = [row._replace(name="opening") for row in openings]
    spans += [*_requests(requests, openings), *_messages(samples)]
    if transport.reads is Reads.ONCE:
        spans += _connections(samples, openings)
    shown = [row for row in sorted(spans, key=lambda row: row.begun_s) if start_s <= row.ended_s <= end_s]
    names = ("phase", "started_s", "ended_s", "succeeded")
    rows = ((row.name, row.begun_s - start_s, row.ended_s - start_s, row.succeeded) for row in shown)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _requests(requests: list[Request], openings: list[Request]) -> Iterator[Request]:
    """Yield the HTTP requests, under the schema's names, without those that an opening consists of."""
    starts_s = [row.begun_s for row in openings]
    for row in requests:
        place = bisect_right(starts_s, row.begun_s) - 1
        if row.name != OPENING and (place < 0 or row.ended_s > openings[place].ended_s):
            kinds = {READ_PATH: "request", SEND_PATH: "command"}
            yield row._replace(name=next((kind for path, kind in kinds.items() if row.name.endswith(path)), "upkeep"))


def _connections(samples: Samples, openings: list[Request]) -> Iterator[Request]:
    """Yield each connection from when it was open until it broke, or until the end of the window."""
    end_s = samples.window.end_s
    breaks_s = [row.broken_s for row in samples.reconnections if row.user == FIRST]
    breaks_s = [moment_s for moment_s in (*breaks_s, samples.disconnected.get(FIRST, inf)) if moment_s < end_s]
    for row in openings:
        if row.succeeded:
            broken_s = next((moment_s for moment_s in breaks_s if moment_s >= row.ended_s), None)
            yield Request(FIRST, "connection", row.ended_s, broken_s or end_s, broken_s is None)


def _messages(samples: Samples) -> Iterator[Request]:
    """Yield each message that came, from when it was meant to be sent."""
    intended_s = {(row.room, row.seq): row.intended_s for row in samples.sent if KINDS[row.kind] is Kind.MESSAGE}
    for row in samples.received:
        if row.recipient == FIRST and (row.room, row.seq) in intended_s:
            yield Request(FIRST, "message", intended_s[row.room, row.seq], row.received_s, True)
