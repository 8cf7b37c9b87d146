"""`python -m loadtests shared_store`: what a shared store and a second worker cost, and the hop between.

Teaches what may be said of two cores: a price, never a speed-up. Workers and engine share one core, as the servers of
every comparison here do, so what is measured is the work that sharing adds, and how long a message takes through it.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from loadtests.experiments.bench.processes import cores
from loadtests.experiments.shared_store.appends import measure_appends
from loadtests.experiments.shared_store.hop import measure_hop
from loadtests.experiments.shared_store.plan import APPENDED, SharedStorePlan, steps
from loadtests.harness.manifest import describe
from loadtests.harness.measurement import measure
from loadtests.harness.provisioned_store import StoreChoice
from loadtests.reports.trials import Row, Trial, keep, row_of
from loadtests.scenarios import Planned
from loadtests.targets.target import OurServers
from results.schema import APPENDS, HOPS, SERVED, SHARED_STORES_FILE, Column
from servers.transports import TRANSPORTS

TABLES: dict[str, tuple[Column, ...]] = {"served": SERVED, "hops": HOPS, "appends": APPENDS}


def measure_shared_store(plan: SharedStorePlan, out: Path) -> int:
    """Measure, write and say where; return the exit status: 1 if anything does not add up, or was not measured."""
    placement, engines = cores(), dict[str, str]()
    made: dict[str, Any] = describe([plan.served, plan.hop], [row.slug for row in TRANSPORTS], placement)
    return keep(_takes(plan, engines), made | {"engines": engines}, TABLES, out / SHARED_STORES_FILE, placement)


def _takes(plan: SharedStorePlan, engines: dict[str, str]) -> Iterator[Trial]:
    """Yield each measurement. engines: learns their versions."""
    for repeat in range(plan.repeats):
        for step in steps(TRANSPORTS, repeat):
            key: Row = {"transport": step.transport.slug, "store": step.backing.scheme, "repeat": repeat}
            if step.hop:
                load = plan.hop.workloads[0].seeded(repeat)
                yield Trial("hops", key, partial(measure_hop, step.transport, step.backing, load, cores(), _look))
            else:
                (planned,) = plan.served.planned([step.transport], repeat)
                yield Trial("served", key, partial(_served, planned, step.backing, engines))
        for store in APPENDED:
            taking = partial(measure_appends, store, plan.appends, cores(), _look)
            yield Trial("appends", {"store": store, "repeat": repeat}, taking)


def _served(planned: Planned, backing: StoreChoice, engines: dict[str, str]) -> Row:
    """Return a row of `results.schema.SERVED`, and more."""
    cell = measure(planned, cores(), lambda _: None, OurServers(backing=backing))
    if not backing.is_embedded:
        engines[backing.scheme] = str(cell.settings["engine"])
    return {**row_of(cell), "workers": backing.workers}


def _look() -> None:
    """Look at nothing while something is awaited."""
