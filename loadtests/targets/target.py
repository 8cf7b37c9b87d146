"""What is measured: our own servers, or anything else that can be put in their place.

Teaches that a harness should also measure servers that its author has not written. A target defines how its servers are
started, which Locust files are their clients, and how their counters are read; schedule, samples, accounting and
verdict are the same for all. A figure that a target cannot count is nan, never a guess.

`OurServers` is here; `deployed_servers` is a whole deployment of ours; `other_server` is somebody else's server, each
in a folder of its own (`nchan`).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.harness.cores import Cores
from loadtests.harness.distance import ClientAddresses, serving_at_distance
from loadtests.harness.provisioned_store import DEFAULT_STORE, StoreChoice
from loadtests.harness.restarts import RunningServers
from loadtests.harness.server_counters import ServerCounters
from loadtests.harness.server_probe import Probe, Server
from loadtests.plan.workload import Workload
from loadtests.targets.other_server import OtherServer
from servers.deploy.child_process import OnTick
from servers.transports import TRANSPORTS, Transport

LOADTESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class OurServers:
    """The servers of this repository: a fresh one, with an empty log, for each measurement.

    name: of the target; empty for our own servers. facts: for the manifest. caveat: about its figures.
    """

    store: StoreChoice = DEFAULT_STORE

    @property
    def name(self) -> str:
        return ""

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"target": "", "store": self.store.scheme, "workers": self.store.workers}

    @property
    def caveat(self) -> str:
        return f"All servers used {self.store.label}." if self.store != DEFAULT_STORE else ""

    @property
    def transports(self) -> Sequence[Transport]:
        return TRANSPORTS

    def check(self, load: Workload) -> None:
        """Raise ValueError if a load can never be measured on this target; here all can."""

    def serving(
        self, transport: Transport, workload: Workload, cores: Cores, folder: Path, on_tick: OnTick
    ) -> AbstractContextManager[tuple[RunningServers, ClientAddresses]]:
        """Run servers of that transport until the block ends, and yield their addresses; raises NotMeasured."""
        return serving_at_distance(transport, workload, cores, folder, on_tick, self.store)

    def locust_file(self, slug: str) -> Path:
        """Return the Locust file whose users are its clients."""
        return LOADTESTS / f"{slug}.py"

    def probe(self, transport: Transport, server: Server, generator_pid: int) -> Probe:
        """Return the object that reads its counters."""
        uses_rented_service = transport.needs_push_service and not server.push_service
        return Probe(server, generator_pid, ServerCounters, counts_all_bytes=not uses_rented_service)


Target = OurServers | OtherServer
