"""What is measured: our own servers, or anything else that can be put in their place.

Teaches that a harness which can only measure its author's code measures nothing. A subject says how its server comes to
run, which Locust files speak its dialect, and what its counters tell; schedule, samples, accounting and verdict are the
same for all. A figure that a subject does not tell is nan, never a guess.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import psutil

from loadtests.accounts.cell import Reading
from loadtests.accounts.wire_bytes import ClientBytes
from loadtests.harness.children import Look, NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.cpu_time import cpu_s, family_cpu_s
from loadtests.harness.distance import Way, serving_at_distance
from loadtests.harness.provisioned_store import ALONE, StoreChoice
from loadtests.harness.server_probe import Probe, Server
from loadtests.plan.workload import Workload
from servers.transports import Transport

LOADTESTS = Path(__file__).parents[1]
NAN = float("nan")
COUNTED_BY_SERVERS = (
    "requests_send",
    "requests_receive",
    "requests_upkeep",
    "command_frames",
    "empty_answers",
    "server_up_bytes",
    "server_down_bytes",
    "publish_bytes",
    "connections",
)


class Meter(Protocol):
    """What is read at both ends of the measuring window; `doubts` are reasons to suspect what was read."""

    def read(self) -> Reading: ...
    def look_at_memory(self) -> None: ...
    def follow(self, server: Server, last: Reading) -> None: ...
    def spent(self, before: Reading, after: Reading) -> Reading: ...
    def doubts(self, spent: Reading, clients: ClientBytes | None) -> list[str]: ...


class Serving(Protocol):
    """The servers of one measurement: `server` is the one that runs now; `restart` raises NotMeasured."""

    server: Server

    def restart(self) -> Server: ...


@dataclass(slots=True)
class Steady:
    """A server that is left alone."""

    server: Server

    def restart(self) -> Server:
        raise NotMeasured("restart: only our own servers are restarted here")


class Target(Protocol):
    """One answer to the question: measure what?

    facts: what the manifest says of it. manner: what is to be known of it when its figures are read; empty: nothing.
    """

    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def manner(self) -> str: ...

    def serving(
        self, transport: Transport, workload: Workload, cores: Cores, folder: Path, look: Look
    ) -> AbstractContextManager[tuple[Serving, Way]]:
        """Have servers of that transport, and the way to them, until the block ends; raises NotMeasured."""

    def locust_file(self, slug: str) -> Path:
        """Return the users that speak to it."""

    def meter(self, transport: Transport, server: Server, generator_pid: int) -> Meter:
        """Return what reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OurServers:
    """The servers of this repository, a fresh one for each measurement, with a fresh log."""

    backing: StoreChoice = ALONE

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"peer": "", "store": self.backing.scheme, "workers": self.backing.workers}

    @property
    def manner(self) -> str:
        return f"All of it stands on {self.backing.told}." if self.backing != ALONE else ""

    def serving(
        self, transport: Transport, workload: Workload, cores: Cores, folder: Path, look: Look
    ) -> AbstractContextManager[tuple[Serving, Way]]:
        return serving_at_distance(transport, workload, cores, folder, look, self.backing)

    def locust_file(self, slug: str) -> Path:
        return LOADTESTS / f"{slug}.py"

    def meter(self, transport: Transport, server: Server, generator_pid: int) -> Meter:
        rented = transport.needs_push_service and not server.push_service
        return Probe(server, generator_pid, tells_all=not rented)


class OutsideProbe:
    """Reads what the operating system tells of processes, and nothing that only the server itself could tell."""

    def __init__(self, server: Server, generator_pid: int) -> None:
        """Watch a server's processes and those that they have started; raises psutil.NoSuchProcess."""
        parents = [psutil.Process(pid) for pid in server.pids.values()]
        self._processes = {each for parent in parents for each in (parent, *parent.children(recursive=True))}
        self._generator = psutil.Process(generator_pid)
        self._peak_bytes = 0.0 if parents else NAN

    def read(self) -> Reading:
        """Return all that has added up so far."""
        return {
            **dict.fromkeys(COUNTED_BY_SERVERS, NAN),
            "readings_apart_s": perf_counter(),
            "api_cpu_s": cpu_s(*self._processes) if self._processes else NAN,
            "push_service_cpu_s": 0.0,
            "store_cpu_s": 0.0,
            "generator_cpu_s": family_cpu_s(self._generator),
        }

    def look_at_memory(self) -> None:
        """Note the processes' resident memory, if it is the largest so far."""
        self._peak_bytes = max(self._peak_bytes, sum(each.memory_info().rss for each in self._processes))

    def follow(self, server: Server, last: Reading) -> None:
        raise NotMeasured("restart: only our own servers are followed into their next life")

    def doubts(self, spent: Reading, clients: ClientBytes | None) -> list[str]:
        """Doubt nothing: a peer tells no bytes that the clients' could be compared with."""
        return []

    def spent(self, before: Reading, after: Reading) -> Reading:
        """Return what a window cost: differences, but for the open connections and the peak of memory."""
        differences = {column: after[column] - before[column] for column in after}
        peaks = {"api_rss_bytes": self._peak_bytes, "push_service_rss_bytes": 0.0}
        return {**differences, "connections": after["connections"], **peaks}
