"""What theory predicts for one transport under one load, given the rates and the delays that the load really had.

The formulas, with their derivations, are in `results.theory`. Leaves out bytes and CPU, which depend on libraries.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from results import theory
from servers.transports import Commands, Reads, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A load as one client sees it, and what follows from it.

    events_per_s: of all kinds; deliveries_per_s: of those that are counted. commands: how many are sent per delivery.
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
        """The share of reads with no event since the last one or, if held, during the hold; None if nobody asks."""
        waits = {Reads.POLL: self.pauses, Reads.HELD: [(self.hold_s, 1.0)]}.get(self.transport.reads)
        if waits is None:
            return None
        return sum(share * theory.empty_share(self.events_per_s, s + self.round_trip_s) for s, share in waits)

    @property
    def pauses(self) -> Sequence[theory.Pause]:
        """The pauses of a poller, each with its share of all."""
        return theory.back_off_pauses(self.events_per_s, self.interval_s, self.limit_s, self.round_trip_s)

    @property
    def checks_per_s(self) -> float:
        """How often one client of a push service makes sure that it lacks nothing."""
        if self.silence_s:
            return theory.silence_reads_per_s(self.events_per_s, self.silence_s)
        return theory.heartbeat_requests_per_s(self.lease_s) if self.transport.needs_push_service else 0.0

    @property
    def reads_per_s(self) -> float:
        """How often one client requests new events; once, when its connection is opened, counts as never."""
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
