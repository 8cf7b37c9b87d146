"""`python -m loadtests shared_store`: what a shared store and a second worker cost, and the delay between two servers.

Teaches what two cores can show: a cost, never a speed-up. Workers and engine share one core, as the servers of every
comparison here do, so what is measured is the work that sharing adds, and how long a message takes through it. One
thing changes at a time: the same small load on every transport, over an embedded store, over a shared one, and over
that with a second worker. Each repeat has an order of its own, so that no store always follows the same other one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from loadtests.experiments.shared_store.appends import NONE, measure_appends
from loadtests.experiments.shared_store.cross_process import measure_cross_process
from loadtests.harness.cores import Cores, choose
from loadtests.harness.manifest import describe
from loadtests.harness.measurement import measure
from loadtests.harness.provisioned_store import EMBEDDED, SHARED, StoreChoice
from loadtests.plan.workload import Workload
from loadtests.reports.trials import Row, Trial, keep, row_of
from loadtests.scenarios import Planned, Scenario
from loadtests.targets.target import OurServers
from results.schema import APPENDS, CROSS_PROCESS, LOADS, SHARED_STORE_FILE, Column
from servers.transports import TRANSPORTS, Transport

STORES = (StoreChoice(), *(StoreChoice(store, workers) for store in SHARED for workers in (1, 2)))
APPENDED = (NONE, EMBEDDED, *SHARED)
TABLES: dict[str, tuple[Column, ...]] = {"loads": LOADS, "cross_process": CROSS_PROCESS, "appends": APPENDS}


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


def measure_shared_store(plan: SharedStorePlan, out: Path) -> int:
    """Measure, write and report; return the exit status: 1 if anything does not add up, or was not measured."""
    cores, engines = choose(), dict[str, str]()
    record: dict[str, Any] = describe([plan.served, plan.cross_process], [row.slug for row in TRANSPORTS], cores)
    record["engines"] = engines
    return keep(_trials(plan, engines, cores), record, TABLES, out / SHARED_STORE_FILE, cores)


def _trials(plan: SharedStorePlan, engines: dict[str, str], cores: Cores) -> Iterator[Trial]:
    """Yield each measurement. engines: is given their versions."""
    for repeat in range(plan.repeats):
        for transport, store, cross_process in steps(TRANSPORTS, repeat):
            key: Row = {"transport": transport.slug, "store": store.scheme, "repeat": repeat}
            if cross_process:
                load = plan.cross_process.workloads[0].seeded(repeat)
                yield Trial("cross_process", key, partial(measure_cross_process, transport, store, load, cores))
            else:
                (planned,) = plan.served.planned([transport], repeat)
                yield Trial("loads", key, partial(_served, planned, store, engines, cores))
        for scheme in APPENDED:
            measure_store = partial(measure_appends, scheme, plan.appends, cores)
            yield Trial("appends", {"store": scheme, "repeat": repeat}, measure_store)


def _served(planned: Planned, store: StoreChoice, engines: dict[str, str], cores: Cores) -> Row:
    """Return a row of `results.schema.LOADS`, and more."""
    cell = measure(planned, cores, lambda _: None, OurServers(store=store))
    if not store.is_embedded:
        engines[store.scheme] = str(cell.settings["engine"])
    return {**row_of(cell), "workers": store.workers}
