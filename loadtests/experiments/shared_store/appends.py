"""The store's own cost: one sender, who sends again once the last message is acknowledged, and nobody else.

Teaches to subtract. A server that acknowledges the same request without storing anything shows what HTTP alone takes.
What is left is the chat's own work, the same for every store, and the store's: the round trip to it, and the disk,
which each of them awaits before it acknowledges. So the difference of two stores is theirs alone.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import psutil

from loadtests.accounts.verdict import percentile
from loadtests.harness.baselines import ANY_ACCOUNT, TEXT
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.cores import Cores
from loadtests.harness.parts import cpu_s, family_cpu_s
from loadtests.harness.provisioned_store import StoreChoice, provisioned
from loadtests.harness.server_probe import READY_S, serving
from loadtests.reports.trials import Row
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.http_session import HttpUserSession
from servers.core.wire import Send
from servers.deploy.child_process import python_module

SLUG = "short_polling"
NONE = "none"


CpuTimes = Callable[[], tuple[float, float]]
"""Returns the CPU time used so far by a server and by its store's engine, in seconds."""


def measure_appends(store: str, appends: int, cores: Cores) -> Row:
    """Return a row of `results.schema.APPENDS` without its key; waits, and raises NotMeasured."""
    with TemporaryDirectory(prefix="appends-") as name, _serving(store, cores, Path(name)) as (address, cpu_times_s):
        try:
            with closing(HttpUserSession(address, lambda *_: None, "room", "connection")) as client:
                if store == NONE:
                    client.token = ANY_ACCOUNT.token
                else:
                    client.log_in("sender")
                    client.join()
                for number in range(appends // 10):
                    _append(client, f"warm-{number}")
                before = cpu_times_s()
                took_s = [_append(client, str(number)) for number in range(appends)]
                api_s, store_s = (after - earlier for after, earlier in zip(cpu_times_s(), before, strict=True))
        except ConnectionLost as error:
            raise NotMeasured(str(error)) from error
    p50_s, p95_s = (percentile(took_s, percent) for percent in (50, 95))
    return {"appends": appends, "acked_p50_s": p50_s, "acked_p95_s": p95_s, "api_cpu_s": api_s, "store_cpu_s": store_s}


def _append(client: HttpUserSession, client_id: str) -> float:
    """Send one message; return how long its acknowledgement took, in seconds."""
    started_s = perf_counter()
    client.command(Send(client_id, TEXT))
    return perf_counter() - started_s


@contextmanager
def _serving(store: str, cores: Cores, folder: Path) -> Iterator[tuple[str, CpuTimes]]:
    """Run our server on a store, or the baseline without one; yields its address. Raises NotMeasured."""
    if store == NONE:
        command = python_module("loadtests.harness.baselines", "constant", "--attached")
        with running(command, cores.servers, folder / "baseline.log") as child:
            address, process = child.next_line(READY_S)["address"], psutil.Process(child.pid)
            yield address, lambda: (cpu_s(process), 0.0)
        return
    with (
        provisioned(StoreChoice(store), cores.servers, folder) as place,
        serving(SLUG, cores.servers, folder / "server.log", store=place.url, environment=place.environment) as server,
    ):
        api = [psutil.Process(pid) for pid in server.pids.values()]
        engine = [psutil.Process(pid) for pid in place.pids.values()]
        yield server.address, lambda: (cpu_s(*api), sum(map(family_cpu_s, engine)))
