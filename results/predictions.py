"""What theory predicts for one transport under one load, given the rates and the delays that the load really had.

Teaches that a prediction needs few numbers: how often one client sees something, how long a request takes, and for how
long the transport waits. The formulas, with their derivations, are in `results.theory`. Leaves out bytes and CPU, which
depend on libraries.
"""

from dataclasses import dataclass

from results import theory
from servers.transports import Commands, Reads, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A load as one client sees it, and what follows from it.

    events_per_s: of all kinds; deliveries_per_s: of those that are counted. commands: how many are sent per delivery.
    round_trip_s: the median time from sending to the acknowledgement. silence_s: after how much silence a client of a
    push service reads; 0 if it sends heartbeats.
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

    @property
    def requests_per_delivery(self) -> float:
        """The HTTP requests per delivery: reads, heartbeats, and commands unless they are frames."""
        commands = 0.0 if self.transport.commands is Commands.FRAMES else self.commands
        return commands + (self._reads_per_s + self._checks_per_s) / self.deliveries_per_s

    @property
    def empty_share(self) -> float | None:
        """The share of reads with no event since the last one or, if held, during the hold; None if nobody asks."""
        waits_s = {Reads.POLL: self.interval_s, Reads.HELD: self.hold_s}.get(self.transport.reads)
        return None if waits_s is None else theory.empty_share(self.events_per_s, waits_s + self.round_trip_s)

    @property
    def _checks_per_s(self) -> float:
        """How often one client of a push service makes sure that it lacks nothing."""
        if self.silence_s:
            return theory.silence_reads_per_s(self.events_per_s, self.silence_s)
        return theory.heartbeat_requests_per_s(self.lease_s) if self.transport.needs_push_service else 0.0

    @property
    def _reads_per_s(self) -> float:
        """How often one client requests new events; once, when its connection is opened, counts as never."""
        match self.transport.reads:
            case Reads.POLL:
                return theory.short_polling_requests_per_s(1, self.interval_s, self.round_trip_s)
            case Reads.HELD:
                return theory.long_polling_requests_per_s(self.events_per_s, self.round_trip_s, self.hold_s)
            case Reads.ONCE:
                return 0.0


def latency_s(
    transport: Transport, share: float, interval_s: float, one_way_delay_s: float, push_link_delay_s: float
) -> float:
    """Return a quantile of delivery latency: the transits of a message, over all links, and a poller's uniform wait."""
    publish_s = push_link_delay_s if transport.needs_push_service else 0.0
    polled = transport.reads is Reads.POLL
    wait_s = theory.uniform_wait_quantile_s(share, theory.poll_wait_s(interval_s, one_way_delay_s)) if polled else 0.0
    return theory.push_latency_s(one_way_delay_s, publish_s) + wait_s
