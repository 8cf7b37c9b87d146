"""What theory predicts for a cell, to stand beneath what was measured; and what reached its limit first.

The formulas, with their derivations, are in `results.theory`; a cell gives them the rate of events and the round trip
(the median time to an acknowledgement) that it really had. Bytes and CPU depend on libraries, which theory does not
know. Every message makes two transits, from its sender and to its recipient, and by a push service a third.

Teaches that a knee under a growing load has a cause: the latency, the servers' core, or the load generator. Where the
generator is the limit, the servers hold *at least* that much, and nothing more may be claimed; but a generator that was
a little late is no excuse for servers that were late by far. Pure.
"""

from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from loadtests.accounts.cell import Cell
from loadtests.accounts.verdict import VOID_S
from loadtests.plan.workload import HOLD_S, LEASE_S
from results import theory
from servers.transports import Commands, Reads

BUDGET_S = 0.5  # how far beyond what the transport's waiting explains a p95 may lie
FULL = 0.9  # of a core


@dataclass(frozen=True, slots=True)
class Prediction:
    """transit_s: of every message, over all links. wait_s: the longest wait for a poll, uniformly distributed from 0.

    None where theory is silent.
    """

    transit_s: float = 0.0
    wait_s: float = 0.0
    requests_per_delivery: float | None = None
    empty_share: float | None = None

    def latency_ms(self, percent: int) -> float:
        """Return a percentile of the transits and the wait together."""
        return 1000 * (self.transit_s + theory.uniform_wait_quantile_s(percent / 100, self.wait_s))


def predict(cell: Cell) -> Prediction:
    """Return what theory predicts for a cell, given the rate and the round trip that it really had."""
    workload = cell.planned.workload
    room_s = len(workload.rooms) * cell.number("measured_s")
    rate, per_client = cell.number("events") / room_s, cell.number("messages") / room_s
    round_trip_s = median(row.acked_s - row.sent_s for row in cell.messages)
    posts = 0.0 if cell.transport.commands is Commands.FRAMES else cell.number("actions") / cell.number("delivered")
    publish_s = 0.0
    if cell.transport.needs_push_service:
        posts += theory.heartbeat_requests_per_s(LEASE_S) / per_client
        publish_s = workload.push_link_delay_s
    transit_s = theory.push_latency_s(workload.one_way_delay_s, publish_s)
    match cell.transport.reads:
        case Reads.POLL:
            interval_s = workload.poll_interval_s
            polls = theory.short_polling_requests_per_s(1, interval_s, round_trip_s) / per_client
            wait_s = theory.poll_wait_s(interval_s, workload.one_way_delay_s)
            return Prediction(transit_s, wait_s, posts + polls, theory.empty_share(rate, interval_s + round_trip_s))
        case Reads.HELD:
            polls = theory.long_polling_requests_per_s(rate, round_trip_s, HOLD_S) / per_client
            return Prediction(transit_s, 0.0, posts + polls, theory.empty_share(rate, HOLD_S + round_trip_s))
        case Reads.ONCE:
            return Prediction(transit_s, requests_per_delivery=posts)


class Limit(StrEnum):
    NONE = ""
    LATENCY = "latency"
    SERVERS = "servers"
    GENERATOR = "generator"


def limit_of(cell: Cell) -> Limit:
    """Return what limited a cell; where several did, the cause and not its effect."""
    full_s, lag_s = FULL * cell.number("readings_apart_s"), cell.number("heartbeat_lag_p99_s")
    if cell.number("generator_cpu_s") > full_s:
        return Limit.GENERATOR
    if cell.number("api_cpu_s") + cell.number("push_service_cpu_s") > full_s:
        return Limit.SERVERS
    if cell.messages and cell.latency_ms(95) > predict(cell).latency_ms(95) + 1000 * BUDGET_S:
        return Limit.GENERATOR if lag_s > BUDGET_S / 2 else Limit.LATENCY
    return Limit.GENERATOR if lag_s > VOID_S else Limit.NONE
