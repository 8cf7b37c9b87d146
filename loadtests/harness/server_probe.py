"""The servers under test: started for one measurement, and read at both ends of the measuring window.

Teaches which figures can be trusted: counts by the server itself (`GET /stats` of the API and of the push service,
without the connections of the readings themselves), CPU time and memory by the operating system. A reading holds the
totals so far, by the names of `results.schema`; the window's figures are the difference of two readings. What a server
does not count is nan, never a guess.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil

from loadtests.accounts.cell import Reading
from loadtests.accounts.wire_bytes import ClientBytes, WireBytes, disagreements
from loadtests.harness.children import Overloaded, running
from loadtests.harness.parts import Parts
from loadtests.harness.provisioned_store import EMBEDDED
from loadtests.plan.workload import HOLD_S, LEASE_S
from servers.deploy.child_process import OnTick, python_module
from servers.stats import RESPONSE_S, read_stats

READY_S = 60.0
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
NOT_ADDED = ("readings_apart_s", "generator_cpu_s", "stolen_s", "connections")
"""What the servers do not count themselves, or what does not add up over a restart."""


@dataclass(frozen=True, slots=True)
class Server:
    """The addresses of the API and of the push service (empty: there is none of ours), and the server's settings.

    pids: by role; with the store's engine, if that was started here as a process of its own. Of a deployment, address
    is the part that clients use, and push_service the part behind it, whatever that is. authority: the file with the
    certificate of the authority that signed its certificates; empty without TLS.
    """

    address: str
    push_service: str
    pids: Mapping[str, int]
    settings: Mapping[str, Any]
    authority: str = ""


@contextmanager
def serving(
    slug: str,
    core: int | None,
    log: Path,
    on_tick: OnTick | None = None,
    port: int = 0,
    store: str = "",
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[Server]:
    """Run the server of a transport, and its push service, on one core; raises NotMeasured.

    port: 0 for a free one. store: its URL; empty for a log that is deleted with the server. workers: how many processes
    share the store. environment: added to ours; PUSHER_* variables in it name a push service that runs already.
    options: further options of the server's command.
    """
    durations = ["--hold", str(HOLD_S), "--lease", str(LEASE_S)]
    shared = ["--store", store, "--workers", str(workers)]
    command = python_module("servers", slug, "--port", str(port), *shared, "--attached", *durations, *options)
    with running(command, core, log, environment) as child:
        ready = child.next_line(READY_S, on_tick)
        service, authority = ready.get("push_service", ""), ready.get("authority", "")
        yield Server(ready["address"], service, ready["pids"], ready["settings"], authority)


def no_counters(_: Server) -> Reading:
    """Return counters that are all nan, for a server that offers none."""
    return dict.fromkeys(COUNTED_BY_SERVERS, nan)


class Probe:
    """Reads the servers, before and after a restart, and the load generator."""

    def __init__(
        self,
        server: Server,
        generator_pid: int,
        counters_of: Callable[[Server], Reading] = no_counters,
        counts_all_bytes: bool = False,
    ) -> None:
        """Find the processes; raises psutil.NoSuchProcess.

        counters_of: waits for a server's counters since its start, without this request itself. counts_all_bytes:
        whether the servers count every byte that they exchange with the clients.
        """
        self._counters_of = counters_of
        self._counts_all_bytes = counts_all_bytes
        self._earlier: Reading = {}
        self._generator = Parts({"generator": generator_pid})
        self._attach(server)
        self._peak_bytes: Reading = {"api_rss_bytes": nan, "push_service_rss_bytes": nan}

    def follow_restart(self, server: Server, last: Reading) -> None:
        """Continue with a restarted server, which counts from 0: the last reading of the old one is added."""
        self._attach(server)
        self._counts_all_bytes = False
        started_s = self._cpu_s()
        self._earlier = {column: last[column] - started_s.get(column, 0) for column in last if column not in NOT_ADDED}

    def read(self) -> Reading:
        """Return the totals so far; waits for the server."""
        counted = self._counters_of(self._server) | self._cpu_s()
        return {
            **{column: value + self._earlier.get(column, 0) for column, value in counted.items()},
            "readings_apart_s": perf_counter(),
            "generator_cpu_s": sum(self._generator.used_s().values()),
            "stolen_s": stolen_s(),
        }

    def read_bytes(self) -> WireBytes:
        """Return what the servers and their clients have exchanged so far; the generator need not run any more."""
        counted = self._counters_of(self._server)
        return WireBytes(int(counted["server_up_bytes"]), int(counted["server_down_bytes"]))

    def doubts(self, spent: Reading, clients: ClientBytes | None) -> list[str]:
        """Return where clients and servers counted different bytes, in the window or over all; waits for a reading."""
        if not self._counts_all_bytes:
            return []
        in_window = WireBytes(int(spent["server_up_bytes"]), int(spent["server_down_bytes"]))
        return list(disagreements(clients, in_window, self.read_bytes()))

    def sample_memory(self) -> None:
        """Keep the servers' resident memory if it is the largest so far; nan, of no sample, is never larger."""
        now = self._parts.resident_bytes()
        self._peak_bytes = {column: max(now[column], peak) for column, peak in self._peak_bytes.items()}

    def difference(self, before: Reading, after: Reading) -> Reading:
        """Return the figures of a window: differences, but of memory the peaks, and of connections the larger count.

        The larger one, since users may have left before a second reading that came late.
        """
        differences = {column: after[column] - before[column] for column in after}
        most = max(before["connections"], after["connections"])
        return {**differences, "connections": most, **self._peak_bytes}

    def _attach(self, server: Server) -> None:
        self._server = server
        self._parts = Parts(server.pids)
        sees_store = self._parts.has_store or server.settings.get("store", EMBEDDED) == EMBEDDED
        self._unseen: Reading = {} if sees_store else {"store_cpu_s": nan}

    def _cpu_s(self) -> Reading:
        """Return the CPU time of each part so far; nan for processes that are not known."""
        return self._parts.used_s() | self._unseen


def stolen_s() -> float:
    """Return for how long the host of this virtual machine has run something else so far, mean of all cores.

    nan where the system does not know.
    """
    stolen: float = getattr(psutil.cpu_times(), "steal", nan)
    return stolen / (psutil.cpu_count() or 1)


def server_counters(server: Server, absent: float = 0) -> Reading:
    """Return the counters of an API and of its push service; waits, and raises Overloaded if none come in time.

    absent: the value of each counter of a push service that is not ours: 0 if there is none, nan if it is rented.
    """
    traffic = {"received": absent, "sent": absent}
    no_service: dict[str, Any] = {"wire": {"http": traffic, "websocket": traffic, "connections_open": 1 + absent}}
    try:
        api = read_stats(server.address, authority=server.authority)
        service = read_stats(server.push_service, authority=server.authority) if server.push_service else no_service
    except TimeoutError:
        raise Overloaded(f"the server did not send its counters within {RESPONSE_S:g} s") from None
    to_clients = (api["wire"]["http"], api["wire"]["websocket"], service["wire"]["websocket"])
    return {
        **{f"requests_{purpose}": count for purpose, count in api["requests"].items()},
        "command_frames": api["command_frames"],
        "empty_answers": api["empty_answers"],
        "server_up_bytes": sum(wire["received"] for wire in to_clients),
        "server_down_bytes": sum(wire["sent"] for wire in to_clients),
        "publish_bytes": sum(service["wire"]["http"].values()),
        "connections": api["wire"]["connections_open"] + service["wire"]["connections_open"] - 2,
    }
