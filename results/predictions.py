"""What theory predicts for one transport under one load, given the rates and the delays that the load really had.

The formulas, with their derivations, are in `results.theory`. Remarks name a window that is too short for upkeep, and a
count that differs from its prediction by more than chance. Teaches that a prediction without an error cannot be tested,
and that a short window hides rare events. Leaves out bytes and CPU, which depend on libraries, and the differences of
loads whose messages are bunched or whose users come and go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results import theory
from servers.transports import Commands, Reads, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A load as one client sees it, and what follows from it.

    events_per_s: events of all kinds; deliveries_per_s: messages only. commands: how many are sent per delivery.
    round_trip_s: the median time from sending to the acknowledgement. silence_s: after how much silence a client of a
    push service reads; 0 if it sends heartbeats. limit_s: the longest pause of a poller that backs off.
    """

    transport: Transport
    events_per_s: float
    deliveries_per_s: float
    commands: float
    round_trip_s: float
    interval_s: float
    hold_s: float
    lease_s: float
    silence_s: float = 0.0
    limit_s: float = 0.0

    @property
    def requests_per_delivery(self) -> float:
        """The HTTP requests per delivery: reads, heartbeats, and commands unless they are frames."""
        commands = 0.0 if self.transport.commands is Commands.FRAMES else self.commands
        return commands + (self.reads_per_s + self.checks_per_s) / self.deliveries_per_s

    @property
    def empty_share(self) -> float | None:
        """The share of reads with no event since the last one or, if held, during the hold; None if nobody polls."""
        if self.transport.reads is Reads.ONCE:
            return None
        waits = self.pauses if self.transport.reads is Reads.POLL else [(self.hold_s, 1.0)]
        return sum(share * theory.empty_share(self.events_per_s, wait_s + self.round_trip_s) for wait_s, share in waits)

    @property
    def pauses(self) -> Sequence[theory.Pause]:
        """The pauses of a poller, each with its share of all."""
        return theory.back_off_pauses(self.events_per_s, self.interval_s, self.limit_s, self.round_trip_s)

    @property
    def checks_per_s(self) -> float:
        """How often one client of a push service checks for missed events, by a heartbeat or a read after silence."""
        if self.silence_s:
            return theory.silence_reads_per_s(self.events_per_s, self.silence_s)
        return theory.heartbeat_requests_per_s(self.lease_s) if self.transport.needs_push_service else 0.0

    @property
    def reads_per_s(self) -> float:
        """How often one client requests new events; 0 if only when its connection is opened."""
        match self.transport.reads:
            case Reads.POLL:
                return theory.back_off_requests_per_s(self.pauses, self.round_trip_s)
            case Reads.HELD:
                return theory.long_polling_requests_per_s(self.events_per_s, self.round_trip_s, self.hold_s)
            case Reads.ONCE:
                return 0.0


def latency_s(
    transport: Transport, share: float, pauses: Sequence[theory.Pause], one_way_delay_s: float, push_link_delay_s: float
) -> float:
    """Return a quantile of delivery latency: the transits of a message, over all links, and a poller's wait."""
    publish_s = push_link_delay_s if transport.needs_push_service else 0.0
    polled = transport.reads is Reads.POLL
    wait_s = theory.back_off_wait_quantile_s(share, pauses, one_way_delay_s) if polled else 0.0
    return theory.push_latency_s(one_way_delay_s, publish_s) + wait_s


ERRORS = 3
"""By how many standard errors a measured value may differ from theory."""

PERIODS = 3
"""How many periods of upkeep a window must have, if there is upkeep in it: fewer than OFTEN events in a period."""

OFTEN = 5
PING_S = 20.0  # on sockets and event streams, in all comparisons

UNDESCRIBED = ("bunch_s", "comings_per_s", "restart_at_s", "connections_break")
"""Theory does not describe a workload that sets one of these: messages all at once, users who come and go."""

Counts = Mapping[str, float]
"""Columns of a cell, by their names; of several repeats the sums, except for measured_s and room_size."""


def upkeep_period_s(load: Prediction) -> float:
    """Return how long it takes until a client without news does something: a poll, a new hold, a heartbeat, a ping."""
    if load.transport.needs_push_service:
        return load.silence_s or 1 / theory.heartbeat_requests_per_s(load.lease_s)
    pause_s = max(load.interval_s, load.limit_s)
    return {Reads.POLL: pause_s, Reads.HELD: load.hold_s, Reads.ONCE: PING_S}[load.transport.reads]


def remarks(load: Prediction, counts: Counts, workload: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences about counts that theory does not predict. workload: its fields, as a manifest has them."""
    window_s = counts["measured_s"]
    needed_s = PERIODS * upkeep_period_s(load)
    if window_s < needed_s and load.events_per_s * needed_s < OFTEN * PERIODS:
        yield f"window too short for upkeep: {window_s:g} s, of which {PERIODS} periods are {needed_s:g} s"
    if any(map(workload.get, UNDESCRIBED)):
        return
    user_s = counts["users"] * window_s
    delivered = counts["delivered"]
    per_s = load.reads_per_s + load.checks_per_s
    if per_s:
        is_random = load.silence_s or load.limit_s or load.transport.reads is Reads.HELD
        periodic = 0 if is_random else int(counts["users"])
        off = load.round_trip_s * per_s
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
