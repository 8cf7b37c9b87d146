"""CPU affinity: the servers have one core, the load generator and the sampler the other.

Teaches that without pinning, a generator that shares the server's core measures itself. Linux lets a process choose
its cores, and its children inherit the choice; elsewhere (macOS) nothing is pinned, and the manifest records that.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of each side; None: not pinned."""

    servers: int | None
    generator: int | None

    @property
    def label(self) -> str:
        """What is pinned, for the manifest."""
        if self.servers is None:
            return "nothing is pinned: this takes Linux and at least two cores"
        return f"servers on core {self.servers}; load generator and sampler on core {self.generator}"


def choose() -> Cores:
    """Return the first two cores that this process may use."""
    if sys.platform != "linux":
        return Cores(None, None)
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[1]) if len(allowed) > 1 else Cores(None, None)


def pinned(core: int | None) -> AbstractContextManager[None]:
    """Pin this thread to a core until the block ends; a process started within it stays there for its whole life."""
    return _allowed(None if core is None else {core})


def unpinned() -> AbstractContextManager[None]:
    """Let this thread, and every process started meanwhile, use every core, as a process does that nobody pins."""
    return _allowed(range(os.cpu_count() or 1))


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
