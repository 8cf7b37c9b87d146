"""CPU affinity: the servers have one core, the load generator and the sampler another, or several others.

Teaches that without pinning, a generator that shares the server's core measures itself. Linux lets a process choose
its cores, and its children inherit the choice; elsewhere (macOS) nothing is pinned, and the manifest records that.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

Affinity = int | frozenset[int] | None
"""A core, or several; None: not pinned."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of the servers, and those of the load generator; None: not pinned."""

    servers: int | None
    generator: frozenset[int] | None

    @property
    def label(self) -> str:
        """What is pinned, for the manifest."""
        if self.servers is None or self.generator is None:
            return "nothing is pinned: this takes Linux and at least two cores"
        cores = ", ".join(map(str, sorted(self.generator)))
        return f"servers on core {self.servers}; load generator and sampler on core {cores}"


def choose(generators: int = 1) -> Cores:
    """Return the first core that this process may use for the servers, and one for each generator as far as they go."""
    allowed = usable()
    if sys.platform != "linux" or len(allowed) < 2:
        return Cores(None, None)
    return Cores(allowed[0], frozenset(allowed[1 : 1 + generators]))


def spare() -> int:
    """Return how many generators can have a core of their own; at least one."""
    return max(1, len(usable()) - 1)


def pinned(cores: Affinity) -> AbstractContextManager[None]:
    """Pin this thread until the block ends; a process started within it stays on these cores for its whole life."""
    return _allowed({cores} if isinstance(cores, int) else cores)


def unpinned() -> AbstractContextManager[None]:
    """Let this thread, and every process started meanwhile, use every core, as a process does that nobody pins."""
    return _allowed(range(os.cpu_count() or 1))


def usable() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else list(range(os.cpu_count() or 1))


@contextmanager
def _allowed(cores: Iterable[int] | None) -> Iterator[None]:
    if sys.platform != "linux" or cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
