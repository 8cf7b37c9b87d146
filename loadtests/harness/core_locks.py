"""Locks on cores, so that two measurements do not disturb each other: the second one waits.

Teaches that a lock of the kernel (flock) ends with the process that holds it, however that ends, so none is ever left.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from loadtests.harness.cores import Cores, pinned, usable

LOCKS = "PUSH_OR_POLL_LOCKS"
"""Names the folder of the locks; tests have one of their own, so that nobody's comparison holds them up."""


@contextmanager
def reserved(cores: Cores, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Keep this thread on the generator's core, and all cores in use free of other measurements, of any user.

    Waits, after a call of `on_wait`, while another process measures there.
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
        return sorted({cores.servers} | cores.generator)
    return usable()


def _lock_file(core: int) -> IO[str]:
    """Open a core's lock file, for reading only, so that another user's can be locked too; create it if missing."""
    path = Path(os.environ.get(LOCKS, "/tmp"), f"push-or-poll-core-{core}.lock")
    with suppress(FileExistsError):
        path.touch(exist_ok=False)
    return path.open()
