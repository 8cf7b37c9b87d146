"""The server under test: a process of its own on a core of its own, whose CPU time and memory are read from outside.

The child prints one JSON line once it listens and stops when its standard input closes, like every server here, so no
child outlives the benchmark. All CPU time counts: user and system, every thread, the push service included.
"""

import json
import resource
import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache

import psutil

from loadtests.harness.cores import Cores, choose, pinned, unpinned
from loadtests.harness.cpu_time import cpu_s

READY_S = 20.0
STOP_S = 10.0
FILES_WANTED = 8192
TICK_S = 0.01


@dataclass(frozen=True, slots=True)
class Child:
    """A server that listens. push_service: its address, for the adapter's stand-in; else empty."""

    address: str
    push_service: str
    process: subprocess.Popen[bytes] = field(repr=False)
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """Return the CPU time used so far by all its processes, in seconds."""
        return cpu_s(*map(psutil.Process, self.pids))

    def cpu_since_s(self, before_s: float) -> float:
        """Return the CPU time used since `cpu_s` said `before_s`; at least one tick of the system's clock."""
        return max(self.cpu_s() - before_s, TICK_S)

    def resident_bytes(self) -> int:
        return sum(psutil.Process(pid).memory_info().rss for pid in self.pids)

    def kill(self) -> None:
        """End it as `kill -9` does: no warning, no last word."""
        self.process.kill()
        self.process.wait()


def running(module: str, *arguments: str) -> AbstractContextManager[Child]:
    """Run `python -m module arguments` on the server's core until the block ends; raises RuntimeError."""
    return _running(pinned(cores().servers), module, *arguments)


def running_anywhere(module: str, *arguments: str) -> AbstractContextManager[Child]:
    """Run `python -m module arguments` on any core until the block ends; raises RuntimeError."""
    return _running(unpinned(), module, *arguments)


@contextmanager
def _running(place: AbstractContextManager[None], module: str, *arguments: str) -> Iterator[Child]:
    with place:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, "--attached"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    with process:
        try:
            yield _ready(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def chat_server(slug: str, *options: str) -> AbstractContextManager[Child]:
    """Run one of our chat servers: on a temporary file, unless the options name a store."""
    return running("servers", slug, "--port", "0", *options)


@cache
def cores() -> Cores:
    """Return which core is whose: chosen once, since a process that is pinned sees one core only."""
    return choose()


def raise_file_limit() -> None:
    """Let this process, and those it starts, hold thousands of sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _ready(process: subprocess.Popen[bytes]) -> Child:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:  # select.select() knows no file beyond the 1,024th
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(READY_S) else b""
    if not line:
        raise RuntimeError(f"{process.args!r}: expected one line within {READY_S:g} s; see its standard error")
    facts = json.loads(line)
    return Child(facts["address"], facts.get("push_service", ""), process, tuple(facts["pids"].values()))
