"""The store's own cost: one sender, who sends again once the last message is acknowledged, and nobody else.

Teaches to take the rest away. A server that acknowledges the same request without storing anything tells what HTTP
alone takes. What is left is the chat's own work, the same for every store, and the store's: the way to it and back, and
the disk, which each of them awaits before it acknowledges. So two stores' difference is theirs alone.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import psutil

from loadtests.accounts.verdict import percentile
from loadtests.experiments.bench.calls import STRANGER, WORDS, Caller
from loadtests.experiments.shared_store.plan import NONE
from loadtests.harness.children import Look, module, running
from loadtests.harness.cores import Cores
from loadtests.harness.cpu_time import cpu_s, family_cpu_s
from loadtests.harness.provisioned_store import StoreChoice, provisioned
from loadtests.harness.server_probe import READY_S, serving
from loadtests.reports.trials import Row
from servers.core.wire import Account, Ack, Send

SLUG = "short_polling"


@dataclass(frozen=True, slots=True)
class Acknowledging:
    """A server that acknowledges what `sender` sends, and the CPU time used so far by it and by its engine."""

    address: str
    sender: Account | None
    used_s: Callable[[], tuple[float, float]]


def measure_appends(store: str, appends: int, cores: Cores, look: Look) -> Row:
    """Return a row of `results.schema.APPENDS` without its key; waits, and raises NotMeasured or Void."""
    with (
        TemporaryDirectory(prefix="appends-") as name,
        _acknowledging(store, cores, Path(name), look) as server,
        closing(Caller(server.address)) as caller,
    ):
        sender = server.sender or caller.log_in("sender")
        if server.sender is None:
            caller.join(sender, "room", "connection")
        for number in range(appends // 10):
            _append(caller, sender, f"warm-{number}")
        before = server.used_s()
        took_s = [_append(caller, sender, str(number)) for number in range(appends)]
        api_s, store_s = (after - then for after, then in zip(server.used_s(), before, strict=True))
    p50_s, p95_s = (percentile(took_s, percent) for percent in (50, 95))
    return {
        "appends": appends,
        "acked_p50_s": p50_s,
        "acked_p95_s": p95_s,
        "api_cpu_s": api_s,
        "store_cpu_s": store_s,
    }


def _append(caller: Caller, sender: Account, client_id: str) -> float:
    """Send one message; return how long its acknowledgement took, in seconds."""
    begun_s = perf_counter()
    caller.call("POST", "/rooms/room/send", Ack, sender.token, Send(client_id, WORDS))
    return perf_counter() - begun_s


@contextmanager
def _acknowledging(store: str, cores: Cores, folder: Path, look: Look) -> Iterator[Acknowledging]:
    if store == NONE:
        command = module("loadtests.experiments.bench.baselines", "constant", "--attached")
        with running(command, cores.servers, folder / "baseline.log") as child:
            told = child.next_line(READY_S, look)
            alone = psutil.Process(child.pid)
            yield Acknowledging(told["address"], STRANGER, lambda: (cpu_s(alone), 0.0))
        return
    with (
        provisioned(StoreChoice(store), cores.servers, folder, look) as ground,
        serving(
            SLUG, cores.servers, folder / "server.log", look, store=ground.url, environment=ground.environment
        ) as server,
    ):
        api = [psutil.Process(pid) for pid in server.pids.values()]
        engine = [psutil.Process(pid) for pid in ground.pids.values()]
        yield Acknowledging(server.address, None, lambda: (cpu_s(*api), sum(map(family_cpu_s, engine))))
