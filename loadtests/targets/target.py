"""What is measured: a server of ours, or a whole deployment.

A target defines how its servers are started, which Locust files are their clients, and how their counters are read. All
processes of a deployment run on the servers' core and are counted. Our supervisor and our model of a host are counted
apart, since they exist only in the experiment.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

from loadtests.harness.children import running
from loadtests.harness.cores import Cores
from loadtests.harness.distance import ClientAddresses, serving_at_distance
from loadtests.harness.parts import API, HOST, PROXY
from loadtests.harness.provisioned_store import DEFAULT_STORE, StoreChoice
from loadtests.harness.restarts import FixedServer, RunningServers
from loadtests.harness.server_probe import Probe, Server, server_counters
from loadtests.plan.workload import HOLD_S, LEASE_S, PLAIN, Workload
from servers.deploy.child_process import OnTick, python_module
from servers.deploy.deployments import Deployment
from servers.transports import TRANSPORTS, Transport, find

LOADTESTS = Path(__file__).parents[1]
READY_S = 60.0
SERVER_OPTIONS = f"--hold {HOLD_S} --lease {LEASE_S}"


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
        return {"store": self.store.scheme, "workers": self.store.workers}

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
        is_rented = transport.needs_push_service and not server.push_service
        takes_webhooks = server.settings.get("presence") == "webhook"  # the API counts them as bytes from clients
        by_tls = server.authority or PROXY in server.pids  # servers count decrypted bytes
        counts_all = not (is_rented or takes_webhooks or by_tls)
        counters = partial(server_counters, absent=nan if is_rented else 0)
        return Probe(server, generator_pid, counters, counts_all)


@dataclass(frozen=True, slots=True)
class DeployedServers(OurServers):
    """One deployment with all its processes, without delays or restarts. It has our load users and our counters."""

    deployment: Deployment

    @property
    def name(self) -> str:
        return self.deployment.name

    @property
    def not_served(self) -> list[Transport]:
        """The transports that the deployment has no server of."""
        return [row for row in TRANSPORTS if row.slug != self.deployment.transport]

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"deployment": self.name, "not_served": [row.slug for row in self.not_served]}

    @property
    def caveat(self) -> str:
        others = ", ".join(row.label for row in self.not_served)
        return f"Served by {self.name}, with all its processes. Not served by it, so not measured: {others}."

    @property
    def transports(self) -> Sequence[Transport]:
        return [find(self.deployment.transport)]

    def check(self, load: Workload) -> None:
        """Raise ValueError if a load restarts, moves or sets servers."""
        is_set = load.webhooks or load.compress or load.link != PLAIN
        if load.restart_at_s or load.one_way_delay_s or load.push_link_delay_s or is_set:
            raise ValueError(
                f"--deployment {self.name}: a deployment is measured as it stands, and this load restarts, "
                "moves or sets its servers; name another --scenario, or see `make outages`"
            )

    @contextmanager
    def serving(
        self, transport: Transport, workload: Workload, cores: Cores, folder: Path, on_tick: OnTick
    ) -> Iterator[tuple[RunningServers, ClientAddresses]]:
        """Run the deployment, with an empty log and an engine of its own, until the block ends; raises NotMeasured."""
        options = ["--port", "0", "--attached", "--server-options", SERVER_OPTIONS]
        command = python_module("servers", "deploy", self.name, *options)
        with running(command, cores.servers, folder / f"{self.name}.log") as child:
            ready = child.next_line(READY_S, on_tick)
            address, pids = ready["address"], ready["pids"]
            behind = [part for part in ready["parts"].values() if part != address]
            settings = {"deployment": self.name, "store": ready["store"], "processes": sorted(pids)}
            settings |= {"hold_s": HOLD_S, "lease_s": LEASE_S}
            has_host = self.deployment.has_functions  # then the host has the API's role, and starts it
            pids = {HOST if role == API and has_host else role: pid for role, pid in pids.items()}
            server = Server(address, "".join(behind), pids, settings)
            yield FixedServer(server), ClientAddresses(address)
