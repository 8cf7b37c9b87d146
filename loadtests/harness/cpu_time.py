"""CPU time of processes, from outside, as precisely as the system counts it.

Teaches that a clock of 10 ms cannot measure an idle server, whose work in a window may take less than a tick. Linux
also keeps each thread's time in nanoseconds (`/proc/<pid>/task/<thread>/schedstat`, Documentation/scheduler of the
kernel), but not that of threads that have ended; so the sum in ticks is the lower bound.
"""

from contextlib import suppress
from pathlib import Path

import psutil


def cpu_s(*processes: psutil.Process) -> float:
    """Return the CPU time that processes have used so far, user and system, in seconds; raises psutil.Error."""
    return sum(max(_by_ticks_s(each), _by_threads_s(each)) for each in processes)


def family_cpu_s(process: psutil.Process) -> float:
    """Return the CPU time of a process and of those that it has started; of those that ended, in ticks."""
    return cpu_s(process, *process.children(recursive=True)) + ended_s(process)


def ended_s(process: psutil.Process) -> float:
    """Return the CPU time of those that a process has started, and that have ended; in ticks."""
    times = process.cpu_times()
    return times.children_user + times.children_system


def _by_ticks_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _by_threads_s(process: psutil.Process) -> float:
    """Return the time of the threads that run now; 0 where the system does not count it."""
    total_ns = 0
    with suppress(OSError):
        for thread in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            total_ns += int(thread.read_text().split()[0])
    return total_ns / 1e9
