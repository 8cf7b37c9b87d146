"""Peers: servers that nobody here wrote, measured through the same harness as ours.

Teaches what keeps a harness honest: if a stranger's server shows the same shapes under the same users, it is transports
that are measured and not our code. A dialect is a folder of `loadtests.targets`: a Locust file for each transport it
has, a `dialect` module that reads its counters, and how to start it here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from loadtests.harness.children import Look, NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.distance import Way
from loadtests.harness.server_probe import Server
from loadtests.plan.workload import Workload
from loadtests.targets.target import Meter, Serving, Steady
from servers.transports import TRANSPORTS, Transport

FOLDER = Path(__file__).parent
OTHER_SERVERS = tuple(sorted(path.parent.name for path in FOLDER.glob("*/server.py")))


@dataclass(frozen=True, slots=True)
class OtherServer:
    """A subject that speaks a dialect.

    address: of a server that runs already, which is then neither pinned nor ended; empty: one is started, as ours are.
    pids: the processes of a running server, if their CPU time and memory are to be read; their children are found.
    """

    dialect: str
    address: str = ""
    pids: tuple[int, ...] = ()

    @property
    def manner(self) -> str:
        """Say how this peer differs from ours, where that shows in the figures."""
        return str(_module(self.dialect).MANNER)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"peer": self.dialect}

    @contextmanager
    def serving(
        self, transport: Transport, workload: Workload, cores: Cores, folder: Path, look: Look
    ) -> Iterator[tuple[Serving, Way]]:
        """Have a server until the block ends; raises NotMeasured, saying what to do, if there is none."""
        module, log = _module(self.dialect), folder / f"{self.dialect}.log"
        if workload.one_way_delay_s or workload.restart_at_s:
            raise NotMeasured("a peer is neither moved away nor restarted here")
        beside = nullcontext((self.address, self.pids))
        with beside if self.address else module.running_server(cores.servers, log) as (address, pids):
            told = {"peer": self.dialect, **module.settings(address)}
            server = Server(address, "", {f"process {number}": pid for number, pid in enumerate(pids)}, told)
            yield Steady(server), Way(address, "")

    def locust_file(self, slug: str) -> Path:
        return FOLDER / self.dialect / f"{slug}.py"

    def meter(self, transport: Transport, server: Server, generator_pid: int) -> Meter:
        meter: Meter = _module(self.dialect).StatusProbe(server, generator_pid)
        return meter


def transports_of(dialect: str) -> list[Transport]:
    """Return the transports that a dialect has users for, its name in their labels; raise ValueError if unknown."""
    if dialect not in OTHER_SERVERS:
        raise ValueError(f"unknown dialect {dialect!r}: expected one of {', '.join(OTHER_SERVERS)}")
    rows = [row for row in TRANSPORTS if (FOLDER / dialect / f"{row.slug}.py").exists()]
    return [replace(row, label=f"{row.label} ({dialect})") for row in rows]


def _module(dialect: str) -> Any:
    return import_module(f"loadtests.targets.{dialect}.server")
