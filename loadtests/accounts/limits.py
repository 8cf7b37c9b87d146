"""What reached its limit first under a growing load: the latency, the servers' core, or the load generator.

Teaches that a knee has a cause. Where the generator is the limit, the servers hold *at least* that much, and nothing
more may be claimed; but a generator that was a little late is no excuse for servers that were late by far. Pure.
"""

from enum import StrEnum

from loadtests.accounts.cell import Cell
from loadtests.accounts.predictions import predict
from loadtests.accounts.verdict import VOID_S

BUDGET_S = 0.5  # how far beyond what the transport's waiting explains a p95 may lie
FULL = 0.9  # of a core


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
