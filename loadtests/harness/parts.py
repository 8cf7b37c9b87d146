"""CPU time and memory of the servers' processes, by the part of the work that they do; from outside.

Teaches that a server's processes come and go. Only the lasting ones are listed by role, and each counts with its
descendants, except for those that are listed themselves. The system adds the time of an ended process to its parent's,
and one may end between two looks: then all is read again.
A supervisor, or the model of a host, belongs to the experiment: its children serve, and it is counted apart. And that a
clock of 10 ms cannot measure an idle server. Linux also keeps each thread's time in nanoseconds
(`/proc/<pid>/task/<thread>/schedstat`), but only while the thread runs, so the larger of the two figures counts.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from loadtests.accounts.cell import Reading

API, PUSH_SERVICE, STORE, PROXY, SUPERVISION = "api", "push_service", "store", "proxy", "supervisor"
PARTS = (API, PUSH_SERVICE, STORE, PROXY, SUPERVISION)
"""Columns of CPU time: what serves, the push service, the store's engine, nginx, and what only starts the others."""
SUPERVISOR, HOST = "supervisor", "host"
"""The roles of processes that only start others."""

Figure = Callable[[psutil.Process], float]

READINGS_MAX = 5


def cpu_s(*processes: psutil.Process) -> float:
    """Return the CPU time that processes have used so far, user and system, in seconds; raises psutil.Error."""
    return sum(max(sum(process.cpu_times()[:2]), _by_threads_s(process)) for process in processes)


def ended_s(process: psutil.Process) -> float:
    """Return the CPU time of a process's children that have ended, in seconds (counted in ticks of 10 ms)."""
    times = process.cpu_times()
    return times.children_user + times.children_system


def _by_threads_s(process: psutil.Process) -> float:
    """Return the CPU time of the threads that run now, in seconds; 0 where the system does not count it."""
    total_ns = 0
    with suppress(OSError):
        for thread in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            total_ns += int(thread.read_text().split()[0])
    return total_ns / 1e9


def part_of(role: str) -> str:
    """Return to which part a process belongs, by its role: api, api_2 and websocket_server are one, for example."""
    if role in (SUPERVISOR, HOST):
        return SUPERVISION
    return next((part for part in (PUSH_SERVICE, STORE, PROXY) if role.startswith(part)), API)


def part_below(role: str) -> str:
    """Return to which part the descendants of a process belong: those of a supervisor are the API."""
    return API if part_of(role) == SUPERVISION else part_of(role)


class Parts:
    """The processes of one server, or of the load generator, listed by role; raises psutil.NoSuchProcess."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._listed = {role: psutil.Process(pid) for role, pid in pids.items()}

    @property
    def has_store(self) -> bool:
        """Whether the store's engine is among them."""
        return any(part_of(role) == STORE for role in self._listed)

    def used_s(self) -> Reading:
        """Return the CPU time of each part so far, under its column's name; raises psutil.Error."""
        return {f"{part}_cpu_s": part_s for part, part_s in self._totals(cpu_s, ended_s).items()}

    def resident_bytes(self) -> Reading:
        """Return the resident memory of the API and of the push service; raises psutil.Error."""
        resident = self._totals(lambda process: process.memory_info().rss, lambda _: 0)
        return {f"{part}_rss_bytes": resident[part] for part in (API, PUSH_SERVICE)}

    def _totals(self, own: Figure, of_ended: Figure) -> dict[str, float]:
        """Return the sums of two figures by part: of each process, and of its children that have ended."""
        for _ in range(READINGS_MAX - 1):
            with suppress(psutil.NoSuchProcess):
                return self._read(own, of_ended)
        return self._read(own, of_ended)

    def _read(self, own: Figure, of_ended: Figure) -> dict[str, float]:
        """Read each figure once, parents first: so the time of a process that ends meanwhile counts once, or raises."""
        totals = dict.fromkeys(PARTS, 0.0)
        for role, listed, below in self._families():
            totals[part_below(role)] += of_ended(listed)
            totals[part_of(role)] += own(listed)
            totals[part_below(role)] += sum(of_ended(process) + own(process) for process in below)
        return totals

    def _families(self) -> Iterator[tuple[str, psutil.Process, list[psutil.Process]]]:
        """Yield each role, its process, and the descendants that no other listed process is or has."""
        below = {role: listed.children(recursive=True) for role, listed in self._listed.items()}
        for role, listed in self._listed.items():
            inner = [other for other, process in self._listed.items() if process in below[role]]
            apart = {process for other in inner for process in (self._listed[other], *below[other])}
            yield role, listed, [process for process in below[role] if process not in apart]
