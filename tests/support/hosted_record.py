"""A record such as `python -m loadtests hosted` writes: every transport on four hosts, with round figures."""

import json
from math import nan
from pathlib import Path
from typing import Any

from results.schema import HOSTED, HOSTED_FILE, TIMELINE, Column
from servers.transports import TRANSPORTS, Reads, Transport

CLASSIC, PRO, FLUID, SHORT = HOSTS = ("classic-hobby", "classic-pro", "fluid-2026", "fluid-2026, 10 s")
LIMITS_S = dict(zip(HOSTS, (10.0, 60.0, 300.0, 10.0), strict=True))
USERS, WINDOW_S = 8, 50.0
USER_S = USERS * WINDOW_S


def row_of(columns: tuple[Column, ...], **values: object) -> dict[str, Any]:
    """Return a row with these values; all others are empty or 0."""
    return {column.name: "" if column.dtype == "str" else 0 for column in columns} | values


def hosted_row(transport: Transport, host: str) -> dict[str, Any]:
    """Return a row: transports that hold are billed for the whole window, and cut if the limit is short."""
    row = row_of(HOSTED, transport=transport.slug, host=host, verdict="valid", max_duration_s=LIMITS_S[host])
    row |= {"users": USERS, "measured_s": WINDOW_S, "upgrades_ignored": 9}
    row |= {"response_p50_s": nan, "cold_start_min_s": 0.4}
    if transport.slug == "raw_websocket" and host in (CLASSIC, PRO):
        return row | {"latency_p50_s": nan, "latency_p99_s": nan, "heartbeat_lag_p99_s": nan}
    holds = transport.reads is not Reads.POLL and not transport.needs_push_service
    short = holds and LIMITS_S[host] < WINDOW_S
    lasted_s = USER_S if holds else USER_S / 500
    row |= {"connected": USERS, "messages": 10, "expected": 80, "delivered": 80, "response_p50_s": 0.004}
    row |= {"latency_p50_s": 1.0 if transport.reads is Reads.POLL else 0.005, "latency_p99_s": 2.0}
    row |= {"invocations": 100, "instance_alive_s": USER_S, "held_gb_s": 2 * lasted_s}
    row |= {"invocation_s": lasted_s, "instance_busy_s": lasted_s}
    cut = {"long_polling": "timeouts", "server_sent_events": "cut_streams", "raw_websocket": "cut_sockets"}
    return row | ({cut[transport.slug]: 40, "cold_starts": 30, "reconnects": 40, "gap_p50_s": 0.5} if short else {})


def timeline_of(transport: Transport, host: str) -> list[dict[str, Any]]:
    """Return the timeline of a user who waits for an instance, is cut after ten seconds and reconnects."""
    spans = [("opening", 0.0, 0.5, True), ("message", 4.0, 5.0, True), ("command", 4.0, 4.01, True)]
    if transport.reads is Reads.ONCE:
        spans += [("connection", 0.5, 10.0, False), ("opening", 10.1, 10.2, False), ("opening", 10.3, 11.0, True)]
        spans += [("connection", 11.0, 50.0, True)]
    else:
        spans += [("request", float(at), at + 0.01, True) for at in range(2, 50, 2)]
    return [
        dict(zip((column.name for column in TIMELINE), (transport.slug, host, *span), strict=True)) for span in spans
    ]


def record() -> dict[str, Any]:
    """Return the record, whose rows may be changed."""
    limits = {"memory_gb": 1.0, "sources": ["https://example.org"], "assumed": [], "lease_s": 30.0, "hold_s": 25.0}
    limits |= {"engine": "redis 7", "as_of": "2024", "known": "first hand"}
    hosts = {
        host: {**limits, "name": host.partition(",")[0], "max_duration_s": LIMITS_S[host]}
        | {"websockets": "fluid" in host, "concurrency": 4 if "fluid" in host else 1}
        for host in reversed(HOSTS)
    }
    made: dict[str, Any] = {"machine": {"cpu": "A", "cores": 2}, "pinning": "none", "commit": "0" * 40}
    made |= {"push_service": "local stand-in", "load_average": 1.0, "hosts": hosts}
    made |= {"workloads": [{"users": USERS, "measured_s": WINDOW_S, "poll_interval_s": 2.0}]}
    both = [(row, host) for row in TRANSPORTS for host in HOSTS]
    made["hosted"] = [hosted_row(*each) for each in both]
    return made | {"timeline": [row for each in both for row in timeline_of(*each)]}


def write(folder: Path, made: dict[str, Any]) -> Path:
    """Write a record into a run's folder; return the folder."""
    (folder / HOSTED_FILE).write_text(json.dumps(made))
    return folder
