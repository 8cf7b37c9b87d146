"""A row of `results.schema.HOSTED`, made from what users recorded and what the host metered.

Teaches that two sides count different things: the host what it bills and whom it cuts, the users what they receive and
how long they are disconnected. It takes both to say whether a transport works there. Pure.
"""

from collections.abc import Mapping
from math import nan
from typing import Any

from loadtests.accounts.cell import digest, make_cell, scheduled
from loadtests.accounts.rows import Request
from loadtests.accounts.samples import Samples
from loadtests.accounts.verdict import Status, percentile
from loadtests.scenarios import Planned
from servers.core.wire import Kind
from servers.transports import Reads

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
COUNTED = ("messages", "expected", "delivered", "lost", "duplicates", "out_of_order", "send_retries", "send_failures")
READ_PATH, SEND_PATH, HEARTBEAT_PATH = "/events", "/send", "/heartbeat"
"""How the names of requests end, by which they are distinguished."""


def row_of(planned: Planned, samples: Samples, before: Bill, after: Bill) -> Row:
    """Return a row without its key. before, after: the host's bill at both ends of the window, or of all attempts."""
    took_s = [row.ended_s - row.begun_s for row in samples.requests if _has_response_at_once(planned, row)]
    return {
        "max_duration_s": after["profile"]["max_duration_s"],
        "users": planned.workload.users,
        "connected": len(samples.user_ids),
        "measured_s": after["up_s"] - before["up_s"],
        **_delivered(planned, samples),
        **{name: after[name] - before[name] for name in METERED},
        **_cold_starts(before, after),
        **_reconnects(samples),
        "seen_offline": len(set(samples.offline)),
        "response_p50_s": percentile(took_s, 50),
        "heartbeat_lag_p99_s": percentile(samples.lateness_s(), 99),
    }


def _delivered(planned: Planned, samples: Samples) -> Row:
    """Return the deliveries and the verdict on them; without a window, since not all could join, nothing was sent."""
    if samples.window.start_s == samples.window.end_s:
        reason = "; ".join(dict.fromkeys([*samples.troubles[:1], *samples.troubles[-1:]]))
        latencies = {"latency_p50_s": nan, "latency_p99_s": nan}
        return {"verdict": Status.VALID, "reason": reason, **dict.fromkeys(COUNTED, 0), **latencies}
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
