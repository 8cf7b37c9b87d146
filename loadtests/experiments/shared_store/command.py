"""`python -m loadtests shared_store`: what a shared store and a second worker cost, and the delay between two servers.

Teaches what two cores can show: a cost, never a speed-up, since workers and engine share one core. One thing changes at
a time: every transport has the same small load on an embedded store, on a shared one, and on that with a second worker.
Each repeat has an order of its own. And to subtract: a single sender sends a message once the last one is acknowledged.
A server that acknowledges without storing shows what HTTP alone takes; what the stores take beyond that is their own
time, and each of them waits for its disk.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

from loadtests.accounts.verdict import percentile
from loadtests.experiments.shared_store.cross_process import measure_cross_process
from loadtests.harness.baselines import ANY_ACCOUNT, TEXT
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.cores import Cores, choose
from loadtests.harness.manifest import describe
from loadtests.harness.measurement import measure
from loadtests.harness.parts import Parts
from loadtests.harness.provisioned_store import EMBEDDED, SHARED, StoreChoice
from loadtests.harness.server_probe import READY_S
from loadtests.plan.workload import Workload
from loadtests.reports.trials import Row, Trial, keep, row_of
from loadtests.scenarios import Planned, Scenario, experiment
from loadtests.targets.target import OurServers
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.http_session import HttpUserSession
from results.schema import APPENDS, CROSS_PROCESS, LOADS, SHARED_STORE_FILE, Column
from servers.core.wire import Send
from servers.deploy.child_process import python_module
from servers.transports import TRANSPORTS, Transport, find

SLUG = "short_polling"
NONE = "none"


def measure_appends(store: str, appends: int, cores: Cores) -> Row:
    """Return a row of `results.schema.APPENDS` without its key; waits, and raises NotMeasured."""
    with TemporaryDirectory(prefix="appends-") as name, _serving(store, cores, Path(name)) as (address, parts):
        try:
            with closing(HttpUserSession(address, lambda *_: None, "room", "connection")) as client:
                if store == NONE:
                    client.token = ANY_ACCOUNT.token
                else:
                    client.log_in("sender")
                    client.join()
                for number in range(appends // 10):
                    _append(client, f"warm-{number}")
                before_s = parts.used_s()
                took_s = [_append(client, str(number)) for number in range(appends)]
                used_s = parts.used_s()
        except ConnectionLost as error:
            raise NotMeasured(str(error)) from error
    p50_s, p95_s = (percentile(took_s, percent) for percent in (50, 95))
    spent_s: Row = {name: used_s[name] - before_s[name] for name in ("api_cpu_s", "store_cpu_s")}
    return {"appends": appends, "acked_p50_s": p50_s, "acked_p95_s": p95_s, **spent_s}


def _append(client: HttpUserSession, client_id: str) -> float:
    """Send one message; return how long its acknowledgement took, in seconds."""
    started_s = perf_counter()
    client.command(Send(client_id, TEXT))
    return perf_counter() - started_s


@contextmanager
def _serving(store: str, cores: Cores, folder: Path) -> Iterator[tuple[str, Parts]]:
    """Run our server on a store, or the baseline without one; yields its address and processes. Raises NotMeasured."""
    if store == NONE:
        command = python_module("loadtests.harness.baselines", "constant", "--attached")
        with running(command, cores.servers, folder / "baseline.log") as child:
            ready = child.next_line(READY_S)
            yield ready["address"], Parts(ready["pids"])
        return
    ours = OurServers(store=StoreChoice(store))
    with ours.serving(find(SLUG), Workload(), cores, folder, lambda: None) as (servers, _):
        yield servers.server.address, Parts(servers.server.pids)


STORES = (StoreChoice(), *(StoreChoice(store, workers) for store in SHARED for workers in (1, 2)))
APPENDED = (NONE, EMBEDDED, *SHARED)
APPENDS_FULL, APPENDS_QUICK = 500, 50  # by one sender, after a tenth as many to warm up
TABLES: dict[str, tuple[Column, ...]] = {"loads": LOADS, "cross_process": CROSS_PROCESS, "appends": APPENDS}


class StoreStep(NamedTuple):
    """One measurement. cross_process: of the delay between two servers of one worker each, on that store."""

    transport: Transport
    store: StoreChoice
    cross_process: bool


def steps(transports: Sequence[Transport], repeat: int) -> Iterator[StoreStep]:
    """Yield the measurements under load of one repeat, in its order."""
    all_steps = [StoreStep(row, store, cross_process=False) for row in transports for store in STORES]
    all_steps += [StoreStep(row, StoreChoice(store), cross_process=True) for row in transports for store in SHARED]
    yield from Random(f"order {repeat}").sample(all_steps, len(all_steps))


def measure_shared_store(out: Path, quick: bool) -> int:
    """Measure, write and report; return the exit status: 1 if anything does not add up, or was not measured."""
    cores = choose()
    served, between = experiment("served", quick), experiment("hop", quick)
    engines: dict[str, str] = {}
    record: dict[str, Any] = describe([served, between], [row.slug for row in TRANSPORTS], cores) | {"engines": engines}
    trials = _trials(served, between, APPENDS_QUICK if quick else APPENDS_FULL, engines, cores)
    return keep(trials, record, TABLES, out / SHARED_STORE_FILE, cores)


def _trials(
    served: Scenario, between: Scenario, appends: int, engines: dict[str, str], cores: Cores
) -> Iterator[Trial]:
    """Yield each measurement. between: the load of two servers. engines: gets the version of each engine, by scheme."""
    for repeat in range(served.repeats):
        for transport, store, cross_process in steps(TRANSPORTS, repeat):
            key: Row = {"transport": transport.slug, "store": store.scheme, "repeat": repeat}
            (planned,) = (between if cross_process else served).planned([transport], repeat)
            if cross_process:
                yield Trial(
                    "cross_process", key, partial(measure_cross_process, planned, store, cores), planned.about_s
                )
            else:
                key["workers"] = store.workers
                yield Trial("loads", key, partial(_served, planned, store, engines, cores), planned.about_s)
        for scheme in APPENDED:
            key = {"store": scheme, "repeat": repeat}
            yield Trial("appends", key, partial(measure_appends, scheme, appends, cores))


def _served(planned: Planned, store: StoreChoice, engines: dict[str, str], cores: Cores) -> Row:
    """Return a row of `results.schema.LOADS` without its key, and more."""
    cell = measure(planned, cores, lambda _: None, OurServers(store=store))
    if not store.is_embedded:
        engines[store.scheme] = str(cell.settings["engine"])
    return row_of(cell)
