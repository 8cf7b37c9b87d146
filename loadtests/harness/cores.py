"""CPU affinity: the servers have one core, the load generator and the sampler another, or several others.

Teaches that without pinning, a generator that shares the server's core measures itself. Linux lets a process choose
its cores, and its children inherit the choice; elsewhere (macOS) nothing is pinned, and the manifest records that. Two
measurements would disturb each other, so the second one waits for the first one's lock. The kernel releases a lock
(flock) when the process that holds it ends, however it ends, so no lock is left behind.
"""

import fcntl
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

Affinity = int | frozenset[int] | None
"""A core, or several; None: not pinned."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of the servers, and those of the load generator; None: not pinned."""

    servers: int | None
    generator: frozenset[int] | None

    def filled_by(self, generators: int) -> int:
        """Return how many cores these load generators can fill: each runs on one at a time."""
        return min(generators, len(self.generator or usable()))

    @property
    def label(self) -> str:
        """What is pinned, for the manifest."""
        if self.servers is None or self.generator is None:
            return "nothing is pinned: this takes Linux and at least two cores"
        cores = ", ".join(map(str, sorted(self.generator)))
        return f"servers on core {self.servers}; load generator and sampler on core {cores}"


def choose(generators: int = 1) -> Cores:
    """Return the first usable core for the servers, and the next ones for the generators, one for each if possible."""
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
    """Let this thread, and every process that it starts within the block, use every core."""
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


LOCKS = "PUSH_OR_POLL_LOCKS"
"""Names the folder of the locks; tests have one of their own, so that nobody's comparison holds them up."""


@contextmanager
def reserved(cores: Cores, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Keep this thread on the generator's core, and all cores in use free of other measurements, of any user.

    Waits, after a call of `on_wait`, while another process measures there.
    """
    used = usable()
    if cores.servers is not None and cores.generator is not None:
        used = sorted({cores.servers} | cores.generator)
    with ExitStack() as stack:
        for core in used:  # sorted: one order for all, so that two measurements never wait for each other
            lock = stack.enter_context(_lock_file(core))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait("Another measurement uses these cores: waiting until it ends. Ctrl-C stops this one.")
                fcntl.flock(lock, fcntl.LOCK_EX)
        stack.enter_context(pinned(cores.generator))
        yield


def _lock_file(core: int) -> IO[str]:
    """Open a core's lock file, for reading only, so that another user's can be locked too; create it if missing."""
    path = Path(os.environ.get(LOCKS, "/tmp"), f"push-or-poll-core-{core}.lock")
    with suppress(FileExistsError):
        path.touch(exist_ok=False)
    return path.open()
