"""The servers under test: started for one measurement, and read at both ends of the measuring window.

Teaches which figures can be trusted: counts by the server itself (`GET /stats`), CPU time and memory by the operating
system. A reading holds what has added up so far, under the names of `results.schema`; the window's figures are the
difference of two. The readings' own requests are subtracted.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import psutil

from loadtests.accounts.cell import Reading
from loadtests.accounts.wire_bytes import ClientBytes, WireBytes, disagreements
from loadtests.harness.children import Look, Overloaded, running
from loadtests.harness.cpu_time import family_cpu_s
from loadtests.harness.parts import Parts
from loadtests.harness.provisioned_store import EMBEDDED
from loadtests.plan.workload import HOLD_S, LEASE_S
from servers.deploy.child_process import python_module

READY_S = 20.0
RESPONSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """The addresses of the API and of the push service (empty: there is none of ours), and the server's settings.

    pids: by role; the store's engine among them, if it is a process of its own that was started here. Of a deployment,
    address is the part that clients use, and push_service the part behind it, whatever that is.
    """

    address: str
    push_service: str
    pids: Mapping[str, int]
    settings: Mapping[str, Any]


@contextmanager
def serving(
    slug: str,
    core: int | None,
    log: Path,
    look: Look,
    port: int = 0,
    store: str = "",
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run the server of a transport, and its push service, on one core; raises NotMeasured.

    port: 0 for a free one. store: its URL; empty for a log that ends with the server. workers: how many processes share
    it. environment: what to add to our own. PUSHER_* variables in it name a push service that runs already.
    """
    durations = ["--hold", str(HOLD_S), "--lease", str(LEASE_S)]
    shared = ["--store", store, "--workers", str(workers)]
    command = python_module("servers", slug, "--port", str(port), *shared, "--attached", *durations)
    with running(command, core, log, environment) as child:
        ready = child.next_line(READY_S, look)
        yield Server(ready["address"], ready.get("push_service", ""), ready["pids"], ready["settings"])


class StatsReader:
    """`GET /stats` of one server, without what reading it costs."""

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self._endpoint = (url.hostname, url.port)
        self._request = f"GET /stats HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode()
        self._sent = self._received = 0

    def read(self) -> dict[str, Any]:
        """Read on a connection of its own; waits for the response, and raises Overloaded if none comes.

        The server counts the bytes of a response only after it has made it.
        """
        try:
            with socket.create_connection(self._endpoint, RESPONSE_S) as connection:
                connection.sendall(self._request)
                response = b"".join(iter(lambda: connection.recv(65_536), b""))
        except TimeoutError:
            raise Overloaded(f"the server did not send its counters within {RESPONSE_S:g} s") from None
        stats: dict[str, Any] = json.loads(response.partition(b"\r\n\r\n")[2])
        self._sent += len(self._request)
        stats["wire"]["http"]["received"] -= self._sent
        stats["wire"]["http"]["sent"] -= self._received
        stats["wire"]["connections_open"] -= 1
        self._received += len(response)
        return stats


class ServerProbe:
    """Reads the servers, before and after a restart, and the load generator."""

    def __init__(self, server: Server, generator_pid: int, counts_everything: bool = True) -> None:
        """Find the processes. counts_everything: whether all that clients exchange passes servers that count it."""
        self._counts_everything = counts_everything
        self._earlier: Reading = {}
        self._attach(server)
        self._generator = psutil.Process(generator_pid)
        self._peak_bytes: Reading = {"api_rss_bytes": 0, "push_service_rss_bytes": 0}

    def follow_restart(self, server: Server, last: Reading) -> None:
        """Go on with a server that was started anew, and counts from 0: the last reading of the old one is added."""
        self._attach(server)
        self._counts_everything = False
        started_s = self._cpu_s()
        self._earlier = {column: last[column] - started_s.get(column, 0) for column in last if column not in NOT_ADDED}

    def read(self) -> Reading:
        """Return all that has added up so far."""
        return {
            **{column: value + self._earlier.get(column, 0) for column, value in self._counted().items()},
            "readings_apart_s": perf_counter(),
            "generator_cpu_s": family_cpu_s(self._generator),
        }

    def read_bytes(self) -> WireBytes:
        """Return what the servers and their clients have exchanged so far; the generator need not run any more."""
        return _wire_bytes(*self._stats())

    def doubts(self, spent: Reading, clients: ClientBytes | None) -> list[str]:
        """Return where clients and servers counted different bytes, in the window or over all; waits for a reading.

        Nothing is compared if a server was rented, or restarted.
        """
        if not self._counts_everything:
            return []
        in_window = WireBytes(int(spent["server_up_bytes"]), int(spent["server_down_bytes"]))
        return list(disagreements(clients, in_window, self.read_bytes()))

    def sample_memory(self) -> None:
        """Keep the servers' resident memory, if it is the largest so far."""
        now = self._parts.resident_bytes()
        self._peak_bytes = {column: max(peak, now[column]) for column, peak in self._peak_bytes.items()}

    def difference(self, before: Reading, after: Reading) -> Reading:
        """Return what a window cost: differences, but for the open connections and the peaks of memory."""
        differences = {column: after[column] - before[column] for column in after}
        return {**differences, "connections": after["connections"], **self._peak_bytes}

    def _attach(self, server: Server) -> None:
        self._api = StatsReader(server.address)
        self._push_service = StatsReader(server.push_service) if server.push_service else None
        self._parts = Parts(server.pids)
        self._sees_store = self._parts.has_store or server.settings.get("store", EMBEDDED) == EMBEDDED

    def _cpu_s(self) -> Reading:
        """Return the CPU time of each part so far; nan for an engine that was not started here."""
        return self._parts.used_s() | ({} if self._sees_store else {"store_cpu_s": nan})

    def _counted(self) -> Reading:
        """Return what the servers that run now have counted since they started."""
        api, service = self._stats()
        carried = _wire_bytes(api, service)
        return {
            **{f"requests_{purpose}": count for purpose, count in api["requests"].items()},
            "command_frames": api["command_frames"],
            "empty_answers": api["empty_answers"],
            "server_up_bytes": carried.up,
            "server_down_bytes": carried.down,
            "publish_bytes": sum(service["wire"]["http"].values()),
            **self._cpu_s(),
            "connections": api["wire"]["connections_open"] + service["wire"]["connections_open"],
        }

    def _stats(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._api.read(), self._push_service.read() if self._push_service else {"wire": NO_WIRE}


NOT_ADDED = ("readings_apart_s", "generator_cpu_s", "connections")
"""What the servers do not count themselves, or what does not add up over a restart."""

NO_WIRE: dict[str, Any] = {
    "http": {"received": 0, "sent": 0},
    "websocket": {"received": 0, "sent": 0},
    "connections_open": 0,
}


def _wire_bytes(api: Mapping[str, Any], service: Mapping[str, Any]) -> WireBytes:
    wires = (api["wire"]["http"], api["wire"]["websocket"], service["wire"]["websocket"])
    return WireBytes(sum(wire["received"] for wire in wires), sum(wire["sent"] for wire in wires))
