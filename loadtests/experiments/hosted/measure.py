"""One measurement on a serverless host: the same users as in every comparison, and the host's bill at both ends.

Teaches where to count when servers come and go: at the host, which was there before the first of them and outlives the
last. What crosses the wire: `GET /host/stats`, which the host answers itself, and bills to nobody. And that not being
able to connect is a result, too. Users whom the host does not let in retry until the coordinator gives up; what that
cost the host stands in the row like anything else.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, build_opener

from loadtests.accounts.rows import Window
from loadtests.experiments.hosted.accounts import Bill, Row, row_of
from loadtests.experiments.hosted.connection_timeline import timeline_of
from loadtests.experiments.hosted.plan import Host
from loadtests.harness.children import running
from loadtests.harness.cores import Cores
from loadtests.harness.distance import ClientAddresses
from loadtests.harness.generator import Generator, generating
from loadtests.harness.provisioned_store import StoreChoice, provisioned
from loadtests.harness.server_counters import RESPONSE_S
from loadtests.harness.server_probe import READY_S, Server
from loadtests.plan.workload import HOLD_S, LEASE_S
from loadtests.scenarios import Planned
from loadtests.targets.target import OurServers
from servers.deploy.child_process import TICK_S, python_module

DIGITS = 4
STORE = "redis"


class Measured(NamedTuple):
    """Figures of `results.schema.HOSTED`, the first user's timeline, both without a key, and the host's limits."""

    figures: Row
    timeline: list[Row]
    settings: dict[str, Any]


def measure_hosted(planned: Planned, host: Host, cores: Cores) -> Measured:
    """Measure one transport on one host; waits, and raises NotMeasured, OSError."""
    slug, load = planned.transport.slug, planned.workload
    locust_file = OurServers().locust_file(slug)
    with TemporaryDirectory(prefix="hosted-") as name:
        folder = Path(name)
        with (
            hosting(slug, host, cores.servers, folder) as server,
            generating(locust_file, ClientAddresses(server.address), load, cores.generator, folder) as generator,
        ):
            start = bill_of(server)
            window = generator.await_window()
            bills = _bills(server, generator, window) if window else None
            samples = generator.await_samples()
            before, after = bills or (start, bill_of(server))
    figures = rounded(row_of(planned, samples, before, after))
    return Measured(figures, [rounded(row) for row in timeline_of(planned.transport, samples)], dict(server.settings))


def rounded(row: Row) -> Row:
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in row.items()}


def _bills(server: Server, generator: Generator, window: Window) -> tuple[Bill, Bill]:
    """Return the host's bill when the window begins and when it ends; waits."""
    bills = []
    for moment_s in window:
        while (left_s := moment_s - perf_counter()) > 0:
            generator.poll()
            sleep(min(left_s, TICK_S))
        bills.append(bill_of(server))
    return bills[0], bills[1]


@contextmanager
def hosting(slug: str, host: Host, core: int | None, folder: Path) -> Iterator[Server]:
    """Run a transport's server as a function, with its store's engine and push service; raises NotMeasured.

    The host, its instances and the engine share one core. `settings` are the host's limits, and those of its functions.
    """
    durations = f"--hold {HOLD_S:g} --lease {LEASE_S:g}"
    with provisioned(StoreChoice(STORE), core, folder) as store:
        options = [*host.options, "--store", store.url, "--server-options", durations, "--port", "0", "--attached"]
        command = python_module("servers.deploy.serverless", slug, *options)
        with running(command, core, folder / f"host of {slug}.log", store.environment) as child:
            ready = child.next_line(READY_S)
            settings = {**ready["settings"], "engine": store.engine, "hold_s": HOLD_S, "lease_s": LEASE_S}
            yield Server(ready["address"], ready.get("push_service", ""), ready["pids"], settings)


def bill_of(server: Server) -> Bill:
    """Return what the host has metered so far; waits for its response, and raises OSError."""
    with build_opener(ProxyHandler({})).open(f"{server.address}/host/stats", timeout=RESPONSE_S) as response:
        bill: Bill = json.load(response)
    return bill
