"""`python -m loadtests shared_store`: what a shared store and a second worker cost, and the delay between two servers.

Teaches what two cores can show: a cost, never a speed-up. Workers and engine share one core, as the servers of every
comparison here do, so what is measured is the work that sharing adds, and how long a message takes through it.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from loadtests.experiments.shared_store.appends import measure_appends
from loadtests.experiments.shared_store.cross_process import measure_cross_process
from loadtests.experiments.shared_store.plan import APPENDED, SharedStorePlan, steps
from loadtests.harness.cores import Cores, choose
from loadtests.harness.manifest import describe
from loadtests.harness.measurement import measure
from loadtests.harness.provisioned_store import StoreChoice
from loadtests.reports.trials import Row, Trial, keep, row_of
from loadtests.scenarios import Planned
from loadtests.targets.target import OurServers
from results.schema import APPENDS, CROSS_PROCESS, LOADS, SHARED_STORE_FILE, Column
from servers.transports import TRANSPORTS

TABLES: dict[str, tuple[Column, ...]] = {"loads": LOADS, "cross_process": CROSS_PROCESS, "appends": APPENDS}


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
