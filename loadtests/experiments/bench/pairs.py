"""The sizes of the benchmark, and its method: two servers on one machine take turns, and two turns make a pair.

Teaches why a benchmark is a ratio: the same server varies by a fifth between two runs, because the machine does. A turn
(a leg) takes at least a second of the server's CPU time, since the system counts in hundredths of a second. The server
under test is a process of its own on a core of its own, whose CPU time and memory are read from outside. All CPU time
counts: user and system, every thread, the push service included.
"""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from typing import NamedTuple

import psutil

from loadtests.harness.cores import Cores, choose, pinned
from loadtests.harness.parts import cpu_s
from loadtests.users.http_connection import ConnectionLost
from servers.deploy.child_process import ChildProcess, python_module

Leg = Callable[[], float]


class Void(RuntimeError):
    """What was measured does not add up (a delivery is missing, doubled or late), so it proves nothing."""


class Pair(NamedTuple):
    """Our figure and the baseline's, measured one after the other."""

    ours: float
    baseline: float

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline


@dataclass(slots=True)
class Pairs:
    """The pairs of one comparison so far, and why others are void."""

    valid: list[Pair] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)

    def measure(self, ours: Leg, baseline: Leg) -> None:
        """Run both legs, in the other order than last time; a leg that raises Void or ConnectionLost voids the pair."""
        try:
            legs = (baseline, ours) if (len(self.valid) + len(self.voids)) % 2 else (ours, baseline)
            figures = {leg: leg() for leg in legs}
            self.valid.append(Pair(figures[ours], figures[baseline]))
        except (Void, ConnectionLost) as reason:
            self.voids.append(str(reason))

    @property
    def ratios(self) -> list[float]:
        return [pair.ratio for pair in self.valid]

    def medians(self, unit: str = "") -> str:
        """Return the medians behind the ratios, as text."""
        if not self.valid:
            return "nothing valid"
        ours, baseline = median(pair.ours for pair in self.valid), median(pair.baseline for pair in self.valid)
        return f"{three_digits(ours)} and {three_digits(baseline)} {unit}".rstrip()


def three_digits(value: float) -> str:
    """Return a figure with three significant digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class FanOutSize:
    """A room. messages: how many a leg sends, one at a time or with 16 in flight. at_least: the goal of the ratio."""

    subscribers: int
    messages: int
    at_least: float


@dataclass(frozen=True, slots=True)
class BenchSizes:
    """How much is measured; the defaults are the full benchmark. parked: held polls; wakes: messages that end them."""

    pairs: int = 5
    fan_out: tuple[FanOutSize, ...] = (FanOutSize(100, 1000, 0.9), FanOutSize(1000, 100, 1.0))
    parked: int = 1000
    wakes: int = 5
    polls: int = 20_000
    poll_connections: int = 32
    idle_connections: int = 1000
    many_connections: int = 10_000
    growth_connections: tuple[int, ...] = (100, 1000, 4000, 10_000)
    growth_members: tuple[int, ...] = (50, 250, 1000, 5000)
    growth_events: tuple[int, ...] = (1000, 10_000, 100_000, 1_000_000)
    growth_rooms: tuple[int, ...] = (100, 1000, 10_000, 100_000)
    growth_calls: int = 2000
    page_rate: int = 20
    page_s: float = 600.0


QUICK = BenchSizes(
    pairs=1,
    fan_out=(FanOutSize(20, 100, 0.9), FanOutSize(40, 50, 1.0)),
    parked=20,
    wakes=1,
    polls=200,
    poll_connections=4,
    idle_connections=50,
    many_connections=100,
    growth_connections=(50, 100),
    growth_members=(20, 40),
    growth_events=(100, 1000),
    growth_rooms=(10, 100),
    growth_calls=100,
    page_s=10.0,
)


FILES_WANTED = 16_384  # more than the connections of any leg
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


def raise_file_limit() -> None:
    """Let this process, and those it starts, hold thousands of sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
