"""What arithmetic alone predicts for the table's figures, to stand beneath what was measured.

Letters: T is the poll interval, lambda the events per second that one client should see, RTT a round trip (the
median time to an acknowledgement). Arrivals are Poisson. The derivations are in `notebooks.analysis.theory`; bytes and
CPU depend on libraries, which arithmetic does not know. On loopback a transit takes nothing, so a push should too.
"""

from dataclasses import dataclass
from math import exp
from statistics import median

from loadtests.cell import Cell
from loadtests.server_probe import HOLD_S, LEASE_S
from servers.transports import Commands, Reads


@dataclass(frozen=True, slots=True)
class Prediction:
    """wait_s: the longest a message waits for a poll, uniformly distributed; None where theory is silent."""

    wait_s: float = 0.0
    requests_per_delivery: float | None = None
    empty_share: float | None = None

    def latency_ms(self, percent: int) -> float:
        """Return a percentile of a wait that is uniform from 0 to `wait_s`."""
        return 1000 * self.wait_s * percent / 100


def predict(cell: Cell) -> Prediction:
    """Return what theory says about a cell, given the rate and the round trip that it really had."""
    workload = cell.planned.workload
    room_s = len(workload.rooms) * cell.number("measured_s")
    rate, wanted = cell.number("events") / room_s, cell.number("messages") / room_s
    round_trip_s = median(row.acked_s - row.sent_s for row in cell.messages)
    posts = 0.0 if cell.transport.commands is Commands.FRAMES else cell.number("deeds") / cell.number("delivered")
    if cell.transport.needs_push_service:
        posts += 3 / LEASE_S / wanted  # heartbeats
    match cell.transport.reads:
        case Reads.POLL:
            period_s = workload.poll_interval_s + round_trip_s
            return Prediction(workload.poll_interval_s, posts + 1 / (wanted * period_s), exp(-rate * period_s))
        case Reads.HELD:
            held_s = (1 - exp(-rate * HOLD_S)) / rate
            cycle_s = round_trip_s + exp(-rate * round_trip_s) * held_s
            return Prediction(0.0, posts + 1 / (wanted * cycle_s), exp(-rate * (HOLD_S + round_trip_s)))
        case Reads.ONCE:
            return Prediction(requests_per_delivery=posts)
