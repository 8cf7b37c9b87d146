"""Cores: the servers have one, the load generator and the sampler the other, and no other measurement has either.

Teaches that without pinning, a generator that shares the server's core measures itself. Linux lets a process choose
its cores, and its children inherit the choice; elsewhere (macOS) nothing is pinned, and the manifest records that.
"""

import fcntl
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LOCKS = "PUSH_OR_POLL_LOCKS"
"""Names the folder of the locks; tests have one of their own, so that nobody's comparison holds them up."""


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


@contextmanager
def reserved(cores: Cores, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Keep this thread on the generator's core, and all cores in use free of other measurements, of any user.

    Waits, after a call of `on_wait`, while another process measures there. The kernel frees the cores when a process
    ends, however it ends.
    """
    with ExitStack() as stack:
        for core in _used(cores):  # sorted: one order for all, so that two measurements never wait for each other
            lock = stack.enter_context(_lock_file(core))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait("Another measurement uses these cores: waiting until it ends. Ctrl-C stops this one.")
                fcntl.flock(lock, fcntl.LOCK_EX)
        stack.enter_context(pinned(cores.generator))
        yield


def _used(cores: Cores) -> list[int]:
    """Return the cores that a measurement uses: where nothing is pinned, all that this process may use."""
    if cores.servers is not None and cores.generator is not None:
        return sorted({cores.servers, cores.generator})
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else list(range(os.cpu_count() or 1))


def _lock_file(core: int) -> IO[str]:
    """Open a core's lock file, for reading only, so that another user's can be locked too; create it if missing."""
    path = Path(os.environ.get(LOCKS, "/tmp"), f"push-or-poll-core-{core}.lock")
    with suppress(FileExistsError):
        path.touch(exist_ok=False)
    return path.open()


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
