"""What is to be noted about a count beside its prediction: a window without upkeep, or a difference that is not chance.

Teaches that a prediction without an error cannot be tested, and that a short window hides what is rare. A load whose
messages are bunched or whose users come and go has no remarks on differences.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from results import theory
from results.predictions import Prediction
from servers.transports import Reads

ERRORS = 3
"""By how many standard errors a measured value may differ from theory."""

PERIODS = 3
"""How many periods of upkeep a window must have, if there is upkeep in it: fewer than OFTEN events in a period."""

OFTEN = 5
PING_S = 20.0  # of all comparisons: sockets and event streams


UNDESCRIBED = ("bunch_s", "comings_per_s", "restart_at_s", "connections_break")
"""What a workload has if theory does not describe it: messages all at once, users who come and go."""


Counts = Mapping[str, float]
"""Columns of a cell, by their names; of several repeats their sums, but for measured_s and room_size."""


def upkeep_period_s(load: Prediction) -> float:
    """Return how long it takes until a client without news does something: a poll, a new hold, a heartbeat, a ping."""
    if load.transport.needs_push_service:
        return load.silence_s or load.lease_s / 3
    pause_s = max(load.interval_s, load.limit_s)
    return {Reads.POLL: pause_s, Reads.HELD: load.hold_s, Reads.ONCE: PING_S}[load.transport.reads]


def remarks(load: Prediction, counts: Counts, workload: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is to be noted about the counts of a workload, whose fields a manifest has."""
    window_s, needed_s = counts["measured_s"], PERIODS * upkeep_period_s(load)
    if window_s < needed_s and load.events_per_s * needed_s < OFTEN * PERIODS:
        yield f"window too short for upkeep: {window_s:g} s, of which {PERIODS} periods are {needed_s:g} s"
    if any(map(workload.get, UNDESCRIBED)):
        return
    user_s, delivered = counts["users"] * window_s, counts["delivered"]
    per_s = load.reads_per_s + load.checks_per_s
    if per_s:
        is_periodic = not (load.silence_s or load.limit_s or load.transport.reads is Reads.HELD)
        periodic, off = int(counts["users"]) * is_periodic, load.round_trip_s * per_s
        error = theory.count_error(per_s * user_s, off, periodic=periodic, together=int(counts["room_size"]))
        measured = sum(counts[f"requests_{purpose}"] for purpose in ("send", "receive", "upkeep")) / delivered
        yield from _difference("requests each", ".2f", measured, load.requests_per_delivery, error / delivered)
    if load.empty_share is not None and counts["requests_receive"]:
        error = theory.share_error(load.empty_share, load.reads_per_s * user_s / counts["room_size"])
        measured = counts["empty_answers"] / counts["requests_receive"]
        yield from _difference("of reads empty", ".1%", measured, load.empty_share, error)


def _difference(what: str, layout: str, measured: float, expected: float, error: float) -> Iterator[str]:
    if abs(measured - expected) > ERRORS * error:
        yield f"{measured:{layout}} {what}, expected {expected:{layout}} with a standard error of {error:{layout}}"
