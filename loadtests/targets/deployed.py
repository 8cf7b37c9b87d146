"""A deployment as a subject: all that `python -m servers deploy <option>` runs, under the same users as a bare server.

Teaches to measure what would be run. A host that freezes its instances, an API that another server sends for, an engine
between the two: each is a process more, a way more, and CPU time that somebody pays for. All are on the servers' core,
and all that a real deployment has are counted: whatever was started for it answers for what it starts itself. Only our
supervisor and our model of a host are told apart, since nobody runs those.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.harness.children import Look, module, running
from loadtests.harness.cores import Cores
from loadtests.harness.distance import Way
from loadtests.harness.parts import API, HOST
from loadtests.harness.server_probe import Server
from loadtests.plan.workload import HOLD_S, LEASE_S, Workload
from loadtests.targets.target import OurServers, Serving, Steady
from servers.deploy.deployments import Option
from servers.transports import TRANSPORTS, Transport

READY_S = 60.0
SERVER_OPTIONS = f"--hold {HOLD_S} --lease {LEASE_S}"
SETTINGS = {"hold_s": HOLD_S, "lease_s": LEASE_S}


@dataclass(frozen=True, slots=True)
class Deployed(OurServers):
    """One of the deployment options, as it stands: neither moved away nor restarted. Users and counters are ours."""

    option: Option

    @property
    def not_served(self) -> list[Transport]:
        """The transports that the deployment has no server of."""
        return [row for row in TRANSPORTS if row.slug != self.option.transport]

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"topology": self.option.name, "not_served": [row.slug for row in self.not_served]}

    @property
    def manner(self) -> str:
        others = ", ".join(row.label for row in self.not_served)
        return f"Served by {self.option.name}, with all its processes. Not served by it, so not measured: {others}."

    def check(self, load: Workload) -> None:
        """Raise ValueError if a load asks for more than being borne."""
        if load.restart_at_s or load.one_way_delay_s or load.push_link_delay_s:
            raise ValueError(
                f"--topology {self.option.name}: a deployment is measured as it stands, and this load restarts or "
                "moves its servers; name another --scenario, or see `make outages`"
            )

    @contextmanager
    def serving(
        self, transport: Transport, workload: Workload, cores: Cores, folder: Path, look: Look
    ) -> Iterator[tuple[Serving, Way]]:
        """Run the deployment, with an empty log and an engine of its own, until the block ends; raises NotMeasured."""
        told = ["--port", "0", "--attached", "--server-options", SERVER_OPTIONS]
        command = module("servers", "deploy", self.option.name, *told)
        with running(command, cores.servers, folder / f"{self.option.name}.log") as child:
            facts = child.next_line(READY_S, look)
            behind = [address for address in facts["parts"].values() if address != facts["address"]]
            settings = {"topology": self.option.name, "store": facts["store"], "processes": sorted(facts["pids"])}
            server = Server(facts["address"], "".join(behind), self._by_role(facts["pids"]), {**settings, **SETTINGS})
            yield Steady(server), Way(server.address, "")

    def _by_role(self, pids: Mapping[str, int]) -> dict[str, int]:
        """Return the processes by what they are to the load tests: an API of functions is what its host has started."""
        return {HOST if role == API and self.option.has_functions else role: pid for role, pid in pids.items()}
