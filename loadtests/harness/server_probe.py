"""The servers under test: started for one measurement, and read at both ends of the measuring window.

Teaches which figures can be trusted: counts by the server itself (`GET /stats`), CPU time and memory by the operating
system. A reading holds what has added up so far, under the names of `results.schema`; the window's figures are the
difference of two. The readings' own requests are taken out again.
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
from loadtests.harness.children import Look, Overloaded, module, running
from loadtests.harness.cpu_time import family_cpu_s
from loadtests.harness.parts import Parts
from loadtests.harness.provisioned_store import EMBEDDED
from loadtests.plan.workload import HOLD_S, LEASE_S

READY_S = 20.0
ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where the API and the push service listen (empty: there is none of ours), and what the server says of itself.

    pids: by role; the store's engine among them, if it is a process of its own that was started here. Of a deployment,
    address is the part that clients are given, and push_service the one behind it that it sends for, whatever that is.
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
    command = module("servers", slug, "--port", str(port), *shared, "--attached", *durations)
    with running(command, core, log, environment) as child:
        told = child.next_line(READY_S, look)
        yield Server(told["address"], told.get("push_service", ""), told["pids"], told["settings"])


class Stats:
    """`GET /stats` of one server, without what asking for it costs."""

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self._place = (url.hostname, url.port)
        self._request = f"GET /stats HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode()
        self._sent = self._received = 0

    def read(self) -> dict[str, Any]:
        """Ask on a connection of its own; waits for the answer, and raises Overloaded if none comes.

        Its bytes are counted there only after it is made.
        """
        try:
            with socket.create_connection(self._place, ANSWER_S) as line:
                line.sendall(self._request)
                answer = b"".join(iter(lambda: line.recv(65_536), b""))
        except TimeoutError:
            raise Overloaded(f"the server did not say within {ANSWER_S:g} s what it had counted") from None
        stats: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
        self._sent += len(self._request)
        stats["wire"]["http"]["received"] -= self._sent
        stats["wire"]["http"]["sent"] -= self._received
        stats["wire"]["connections_open"] -= 1
        self._received += len(answer)
        return stats


class Probe:
    """Reads the servers, through all their incarnations, and the load generator."""

    def __init__(self, server: Server, generator_pid: int, tells_all: bool = True) -> None:
        """Watch them; tells_all: whether no part of what the clients exchange goes to a server that tells nothing."""
        self._tells_all = tells_all
        self._earlier: Reading = {}
        self._watch(server)
        self._generator = psutil.Process(generator_pid)
        self._peak_bytes: Reading = {"api_rss_bytes": 0, "push_service_rss_bytes": 0}

    def follow(self, server: Server, last: Reading) -> None:
        """Go on with a server that was started anew, and counts from 0: what the one before told last is added."""
        self._watch(server)
        self._tells_all = False
        started_s = self._used_s()
        self._earlier = {column: last[column] - started_s.get(column, 0) for column in last if column not in OUR_OWN}

    def read(self) -> Reading:
        """Return all that has added up so far."""
        served = self._served()
        return {
            **{column: value + self._earlier.get(column, 0) for column, value in served.items()},
            "readings_apart_s": perf_counter(),
            "generator_cpu_s": family_cpu_s(self._generator),
        }

    def read_bytes(self) -> WireBytes:
        """Return what the servers and their clients have exchanged so far; the generator need not run any more."""
        return _carried(*self._stats())

    def doubts(self, spent: Reading, clients: ClientBytes | None) -> list[str]:
        """Say where the clients counted other bytes than the servers, in the window or over all; waits for a reading.

        Nothing is said if a server was rented, or stopped on the way with what it had counted last.
        """
        if not self._tells_all:
            return []
        in_window = WireBytes(int(spent["server_up_bytes"]), int(spent["server_down_bytes"]))
        return list(disagreements(clients, in_window, self.read_bytes()))

    def look_at_memory(self) -> None:
        """Note the servers' resident memory, if it is the largest so far."""
        now = self._parts.resident_bytes()
        self._peak_bytes = {column: max(peak, now[column]) for column, peak in self._peak_bytes.items()}

    def spent(self, before: Reading, after: Reading) -> Reading:
        """Return what a window cost: differences, but for the open connections and the peaks of memory."""
        differences = {column: after[column] - before[column] for column in after}
        return {**differences, "connections": after["connections"], **self._peak_bytes}

    def _watch(self, server: Server) -> None:
        self._api = Stats(server.address)
        self._push_service = Stats(server.push_service) if server.push_service else None
        self._parts = Parts(server.pids)
        self._tells_store = self._parts.has_store or server.settings.get("store", EMBEDDED) == EMBEDDED

    def _used_s(self) -> Reading:
        """Return the CPU time of each part so far; nan for an engine that was not started here."""
        return self._parts.used_s() | ({} if self._tells_store else {"store_cpu_s": nan})

    def _served(self) -> Reading:
        """Return what the servers of now have counted since they started."""
        api, service = self._stats()
        carried = _carried(api, service)
        return {
            **{f"requests_{purpose}": count for purpose, count in api["requests"].items()},
            "command_frames": api["command_frames"],
            "empty_answers": api["empty_answers"],
            "server_up_bytes": carried.up,
            "server_down_bytes": carried.down,
            "publish_bytes": sum(service["wire"]["http"].values()),
            **self._used_s(),
            "connections": api["wire"]["connections_open"] + service["wire"]["connections_open"],
        }

    def _stats(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._api.read(), self._push_service.read() if self._push_service else {"wire": NO_WIRE}


OUR_OWN = (
    "readings_apart_s",
    "generator_cpu_s",
    "connections",
)  # not the servers' to count, or not to be added up

NO_WIRE: dict[str, Any] = {
    "http": {"received": 0, "sent": 0},
    "websocket": {"received": 0, "sent": 0},
    "connections_open": 0,
}


def _carried(api: Mapping[str, Any], service: Mapping[str, Any]) -> WireBytes:
    wires = (api["wire"]["http"], api["wire"]["websocket"], service["wire"]["websocket"])
    return WireBytes(sum(wire["received"] for wire in wires), sum(wire["sent"] for wire in wires))
