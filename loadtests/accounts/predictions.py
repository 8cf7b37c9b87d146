"""What arithmetic alone predicts for the table's figures, to stand beneath what was measured.

Letters: T is the poll interval, lambda the events per second that one client should see, RTT a round trip (the
median time to an acknowledgement). Arrivals are Poisson. The derivations are in `results.theory`; bytes and
CPU depend on libraries, which arithmetic does not know. Every message makes two transits, from its sender and to its
recipient, and by a push service a third; on loopback a transit takes nothing, so a push should too.
"""

from dataclasses import dataclass
from math import exp
from statistics import median

from loadtests.accounts.cell import Cell
from loadtests.plan.workload import HOLD_S, LEASE_S
from servers.transports import Commands, Reads


@dataclass(frozen=True, slots=True)
class Prediction:
    """transit_s: on the way, for every message. wait_s: the longest that one waits for a poll, uniformly distributed.

    None where theory is silent.
    """

    transit_s: float = 0.0
    wait_s: float = 0.0
    requests_per_delivery: float | None = None
    empty_share: float | None = None

    def latency_ms(self, percent: int) -> float:
        """Return a percentile of the transits and a wait that is uniform from 0 to `wait_s`."""
        return 1000 * (self.transit_s + self.wait_s * percent / 100)


def predict(cell: Cell) -> Prediction:
    """Return what theory says about a cell, given the rate and the round trip that it really had."""
    workload = cell.planned.workload
    room_s = len(workload.rooms) * cell.number("measured_s")
    rate, wanted = cell.number("events") / room_s, cell.number("messages") / room_s
    round_trip_s = median(row.acked_s - row.sent_s for row in cell.messages)
    posts = 0.0 if cell.transport.commands is Commands.FRAMES else cell.number("deeds") / cell.number("delivered")
    transit_s = 2 * workload.one_way_delay_s
    if cell.transport.needs_push_service:
        posts += 3 / LEASE_S / wanted  # heartbeats
        transit_s += workload.push_link_delay_s
    match cell.transport.reads:
        case Reads.POLL:
            period_s = workload.poll_interval_s + round_trip_s
            wait_s = workload.poll_interval_s + 2 * workload.one_way_delay_s
            return Prediction(transit_s, wait_s, posts + 1 / (wanted * period_s), exp(-rate * period_s))
        case Reads.HELD:
            held_s = (1 - exp(-rate * HOLD_S)) / rate
            cycle_s = round_trip_s + exp(-rate * round_trip_s) * held_s
            return Prediction(transit_s, 0.0, posts + 1 / (wanted * cycle_s), exp(-rate * (HOLD_S + round_trip_s)))
        case Reads.ONCE:
            return Prediction(transit_s, requests_per_delivery=posts)
