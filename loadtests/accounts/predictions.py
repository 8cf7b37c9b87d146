"""What theory predicts for a cell, beside what was measured; and what reached its limit first.

Teaches that a knee under a growing load has a cause: the latency, the servers' core, or the load generator. Where the
generator is the limit, the servers hold *at least* that much, and nothing more may be claimed. A generator that was
only a little late does not explain servers that were very late. Pure.
"""

from dataclasses import asdict
from enum import StrEnum
from math import isnan
from statistics import median

from loadtests.accounts.cell import Cell
from loadtests.accounts.verdict import VOID_S
from loadtests.plan.workload import HOLD_S, LEASE_S, SILENCE_S
from results.predictions import Prediction, latency_s, remarks
from results.schema import SERVERS_CPU

BUDGET_S = 0.5  # how far a p95 may lie above the predicted one
FULL = 0.9  # of a core's time


def predict(cell: Cell) -> Prediction:
    """Return what theory predicts for a cell, given the rate and the round trip that it really had."""
    workload = cell.planned.workload
    room_s = len(workload.rooms) * cell.number("measured_s")
    return Prediction(
        transport=cell.transport,
        events_per_s=cell.number("events") / room_s,
        deliveries_per_s=cell.number("messages") / room_s,
        commands=cell.number("actions") / cell.number("delivered"),
        round_trip_s=median(row.acked_s - row.sent_s for row in cell.messages),
        interval_s=workload.poll_interval_s,
        hold_s=HOLD_S,
        lease_s=LEASE_S,
        silence_s=SILENCE_S if workload.webhooks else 0.0,
        limit_s=workload.poll_limit_s,
    )


def remarks_on(cell: Cell) -> list[str]:
    """Return the sentences about a cell's counts that theory does not predict; none if its deliveries do not add up."""
    if not cell.verdict.adds_up:
        return []
    counts = {name: value for name, value in cell.figures.items() if not isinstance(value, str)}
    return list(remarks(predict(cell), counts, asdict(cell.planned.workload)))


def predicted_latency_ms(cell: Cell, percent: int) -> float:
    """Return the percentile of latency that theory predicts for a cell's links and pauses between polls."""
    load = cell.planned.workload
    links_s = load.one_way_delay_s, load.push_link_delay_s
    return 1000 * latency_s(cell.transport, percent / 100, predict(cell).pauses, *links_s)


class Limit(StrEnum):
    NONE = ""
    LATENCY = "latency"
    SERVERS = "servers"
    GENERATOR = "generator"


def limit_of(cell: Cell, generator_cores: int = 1) -> Limit:
    """Return what limited a cell; where several did, the cause and not its effect.

    generator_cores: how many cores the load generator can fill. The servers share one.
    """
    full_s = FULL * cell.number("readings_apart_s")
    lag_s = cell.number("heartbeat_lag_p99_s")
    if cell.number("generator_cpu_s") > generator_cores * full_s:
        return Limit.GENERATOR
    if sum(used_s for used_s in map(cell.number, SERVERS_CPU) if not isnan(used_s)) > full_s:
        return Limit.SERVERS
    if cell.messages and cell.latency_ms(95) > predicted_latency_ms(cell, 95) + 1000 * BUDGET_S:
        return Limit.GENERATOR if lag_s > BUDGET_S / 2 else Limit.LATENCY
    return Limit.GENERATOR if lag_s > VOID_S else Limit.NONE
