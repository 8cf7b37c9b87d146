"""What is measured of shared stores, how often, and in which order.

Teaches to change one thing at a time: the same small load on every transport, over an embedded store, over a shared
one, and over that with a second worker. The windows are short, since there are many, and the order is drawn anew for
each repeat, so that no store always follows the same other one. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from loadtests.harness.provisioned_store import EMBEDDED, SHARED, StoreChoice
from loadtests.plan.workload import Workload
from loadtests.scenarios import Scenario
from servers.transports import Transport

STORES = (StoreChoice(), *(StoreChoice(store, workers) for store in SHARED for workers in (1, 2)))
NONE = "none"
APPENDED = (NONE, EMBEDDED, *SHARED)


@dataclass(frozen=True, slots=True)
class SharedStorePlan:
    """How much is measured. window_s: of each load; appends: by one sender, after a tenth as many to warm up."""

    repeats: int = 3
    window_s: float = 2.0
    poll_s: float = 0.5
    appends: int = 500

    @property
    def served(self) -> Scenario:
        """The load under which the cost of a delivery is measured."""
        load = Workload(rate_per_s=1.0, measured_s=self.window_s, poll_interval_s=self.poll_s)
        question = "What does a delivery cost over a shared store, and with a second worker?"
        return Scenario("served", question, (load,), repeats=self.repeats)

    @property
    def cross_process(self) -> Scenario:
        """The load for the delay between processes: rooms of four, so that a fan-out takes little time."""
        load = Workload(users=8, room_size=4, rate_per_s=10.0, measured_s=self.window_s, poll_interval_s=self.poll_s)
        question = "How much later does a message reach users whom another process serves?"
        return Scenario("hop", question, (load,), repeats=self.repeats)


QUICK = SharedStorePlan(repeats=1, window_s=1.0, appends=50)


class Step(NamedTuple):
    """One measurement. cross_process: of the delay between two servers of one worker each, on that store."""

    transport: Transport
    store: StoreChoice
    cross_process: bool


def steps(transports: Sequence[Transport], repeat: int) -> Iterator[Step]:
    """Yield the measurements under load of one repeat, in its order."""
    between = [Step(row, StoreChoice(store), cross_process=True) for row in transports for store in SHARED]
    all_steps = [Step(row, store, cross_process=False) for row in transports for store in STORES] + between
    yield from Random(f"order {repeat}").sample(all_steps, len(all_steps))
