"""The store's own cost: one sender, who sends again once the last message is acknowledged, and nobody else.

Teaches to subtract. A server that acknowledges the same request without storing anything shows what HTTP alone takes;
the difference of two stores, each of which awaits its disk, is theirs alone.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from loadtests.accounts.verdict import percentile
from loadtests.harness.baselines import ANY_ACCOUNT, TEXT
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.cores import Cores
from loadtests.harness.parts import Parts
from loadtests.harness.provisioned_store import StoreChoice
from loadtests.harness.server_probe import READY_S
from loadtests.plan.workload import Workload
from loadtests.reports.trials import Row
from loadtests.targets.target import OurServers
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.http_session import HttpUserSession
from servers.core.wire import Send
from servers.deploy.child_process import python_module
from servers.transports import find

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
