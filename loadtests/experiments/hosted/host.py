"""The serverless host under test: started for one measurement over an empty shared log, and asked for its bill.

Teaches where to count when servers come and go: at the host, which was there before the first of them and outlives
the last. What crosses the wire: `GET /host/stats`, which the host answers itself, and bills to nobody.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from loadtests.experiments.hosted.accounts import Bill
from loadtests.experiments.hosted.plan import Host
from loadtests.harness.children import running
from loadtests.harness.provisioned_store import StoreChoice, provisioned
from loadtests.harness.server_counters import RESPONSE_S
from loadtests.harness.server_probe import READY_S, Server
from loadtests.plan.workload import HOLD_S, LEASE_S
from servers.deploy.child_process import python_module

STORE = "redis"


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
