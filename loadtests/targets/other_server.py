"""Other people's servers, measured by the same harness as ours.

Teaches what keeps a harness honest: if somebody else's server shows the same shapes under the same users, it is
transports that are measured and not our code. Each has a folder here, named like the target: a Locust file for each
transport that it offers, and a `server` module that starts it and reads its counters.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.distance import ClientAddresses
from loadtests.harness.restarts import FixedServer, RunningServers
from loadtests.harness.server_probe import Probe, Server
from loadtests.plan.workload import PLAIN, Workload
from servers.deploy.child_process import OnTick
from servers.transports import TRANSPORTS, Transport

FOLDER = Path(__file__).parent
OTHER_SERVERS = tuple(sorted(path.parent.name for path in FOLDER.glob("*/server.py")))


@dataclass(frozen=True, slots=True)
class OtherServer:
    """The server of one folder, started as ours are; raises ValueError if there is none of that name."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in OTHER_SERVERS:
            raise ValueError(f"unknown target {self.name!r}: expected one of {', '.join(OTHER_SERVERS)}")

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"target": self.name}

    @property
    def caveat(self) -> str:
        """How this server differs from ours, where that shows in the figures."""
        return str(self._module.CAVEAT)

    @property
    def transports(self) -> Sequence[Transport]:
        """The transports that there are users for, with the target's name in their labels."""
        rows = [row for row in TRANSPORTS if self.locust_file(row.slug).exists()]
        return [replace(row, label=f"{row.label} ({self.name})") for row in rows]

    def check(self, load: Workload) -> None:
        """Accept every load in the clear: one that cannot be measured is reported in its turn. Raises ValueError."""
        if load.link != PLAIN:
            raise ValueError(f"--target {self.name} serves in the clear: leave out --link {load.link}")

    @contextmanager
    def serving(
        self, transport: Transport, workload: Workload, cores: Cores, folder: Path, on_tick: OnTick
    ) -> Iterator[tuple[RunningServers, ClientAddresses]]:
        """Run the server until the block ends; raises NotMeasured, saying what to do, if that cannot be."""
        if workload.one_way_delay_s or workload.restart_at_s:
            raise NotMeasured("another server is neither moved away nor restarted here")
        with self._module.running_server(cores.servers, folder / f"{self.name}.log") as (address, pid):
            settings = {"target": self.name, **self._module.settings(address)}
            server = Server(address, "", {"process": pid}, settings)
            yield FixedServer(server), ClientAddresses(address)

    def locust_file(self, slug: str) -> Path:
        return FOLDER / self.name / f"{slug}.py"

    def probe(self, transport: Transport, server: Server, generator_pid: int) -> Probe:
        return Probe(server, generator_pid, self._module.NginxCounters)

    @property
    def _module(self) -> Any:
        return import_module(f"loadtests.targets.{self.name}.server")
