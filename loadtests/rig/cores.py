"""Which core does what: the servers one, the load generator and the sampler the other.

Teaches that without pinning, a generator that shares the server's core measures itself. Linux lets a process choose
its cores, and its children inherit the choice; elsewhere (macOS) nothing is pinned, and the manifest says so.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of each side; None: not pinned."""

    servers: int | None
    generator: int | None

    @property
    def told(self) -> str:
        """Say for the manifest what was pinned."""
        if self.servers is None:
            return "nothing is pinned: this takes Linux and at least two cores"
        return f"servers on core {self.servers}; load generator and sampler on core {self.generator}"


def choose() -> Cores:
    """Return the first two cores that this process may use."""
    if sys.platform != "linux":
        return Cores(None, None)
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[1]) if len(allowed) > 1 else Cores(None, None)


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Keep this thread, and every process started meanwhile for its whole life, on one core."""
    if sys.platform != "linux" or core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def unpinned() -> Iterator[None]:
    """Let this thread, and every process started meanwhile, use every core: as somebody who only looks at it would."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
