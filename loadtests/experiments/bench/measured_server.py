"""The server under test: a process of its own on a core of its own, whose CPU time and memory are read from outside.

All CPU time counts: user and system, every thread, the push service included.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache

import psutil

from loadtests.harness.cores import Cores, choose, pinned
from loadtests.harness.parts import cpu_s
from servers.deploy.child_process import ChildProcess, python_module

CLOCK_TICK_S = 0.01  # in which the system counts CPU time


@dataclass(frozen=True, slots=True)
class MeasuredServer:
    """A server that listens. push_service: its address, for the adapter's stand-in; else empty."""

    address: str
    push_service: str
    processes: tuple[psutil.Process, ...]

    def cpu_s(self) -> float:
        """Return the CPU time used so far by all its processes, in seconds."""
        return cpu_s(*self.processes)

    def cpu_since_s(self, before_s: float) -> float:
        """Return the CPU time used since an earlier `cpu_s`; at least one tick of the system's clock."""
        return max(self.cpu_s() - before_s, CLOCK_TICK_S)

    def resident_bytes(self) -> int:
        return sum(process.memory_info().rss for process in self.processes)


@contextmanager
def running(module: str, *arguments: str) -> Iterator[MeasuredServer]:
    """Run `python -m module arguments` on the server's core until the block ends; raises ChildFailed."""
    with pinned(cores().servers):
        child = ChildProcess(python_module(module, *arguments, "--attached"))
    with child:
        facts = child.await_ready().facts
        processes = tuple(map(psutil.Process, facts["pids"].values()))
        yield MeasuredServer(child.address, facts.get("push_service", ""), processes)


def chat_server(slug: str, *options: str) -> AbstractContextManager[MeasuredServer]:
    """Run one of our chat servers: on a temporary file, unless the options name a store."""
    return running("servers", slug, "--port", "0", *options)


@cache
def cores() -> Cores:
    """Return which core is whose: chosen once, since a process that is pinned sees one core only."""
    return choose()
