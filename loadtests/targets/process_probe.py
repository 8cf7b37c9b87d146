"""A target that counts nothing for us, read from outside: its CPU time and memory, as the operating system knows them.

Teaches to leave a figure out rather than to guess it: requests and bytes are nan, and shown as a dash.
"""

from math import nan
from time import perf_counter

import psutil

from loadtests.accounts.cell import Reading
from loadtests.accounts.wire_bytes import ClientBytes
from loadtests.harness.children import NotMeasured
from loadtests.harness.cpu_time import cpu_s, family_cpu_s
from loadtests.harness.server_probe import Server

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


class ProcessProbe:
    """Reads a server's processes, and those that they have started."""

    def __init__(self, server: Server, generator_pid: int) -> None:
        """Find the processes; raises psutil.NoSuchProcess."""
        parents = [psutil.Process(pid) for pid in server.pids.values()]
        self._processes = {each for parent in parents for each in (parent, *parent.children(recursive=True))}
        self._generator = psutil.Process(generator_pid)
        self._peak_bytes = 0.0 if parents else nan

    def read(self) -> Reading:
        """Return all that has added up so far."""
        return {
            **dict.fromkeys(COUNTED_BY_SERVERS, nan),
            "readings_apart_s": perf_counter(),
            "api_cpu_s": cpu_s(*self._processes) if self._processes else nan,
            "push_service_cpu_s": 0.0,
            "store_cpu_s": 0.0,
            "generator_cpu_s": family_cpu_s(self._generator),
        }

    def sample_memory(self) -> None:
        """Keep the processes' resident memory, if it is the largest so far."""
        self._peak_bytes = max(self._peak_bytes, sum(each.memory_info().rss for each in self._processes))

    def follow_restart(self, server: Server, last: Reading) -> None:
        raise NotMeasured("restart: only our own servers are read after a restart")

    def doubts(self, spent: Reading, clients: ClientBytes | None) -> list[str]:
        """Return none: there are no bytes to compare the clients' with."""
        return []

    def difference(self, before: Reading, after: Reading) -> Reading:
        """Return what a window cost: differences, but for the open connections and the peak of memory."""
        differences = {column: after[column] - before[column] for column in after}
        peaks = {"api_rss_bytes": self._peak_bytes, "push_service_rss_bytes": 0.0}
        return {**differences, "connections": after["connections"], **peaks}
