"""Clocks that are injected, so that tests control the time.

Teaches that a wall clock may jump (somebody sets it, a virtual machine resumes), and that the usual monotonic clock
stands still while a laptop sleeps. A lease must do neither: it runs on CLOCK_BOOTTIME, where there is one.
"""

import time
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Wall clock, in ms since 1970: for stamps that other machines read."""

    def monotonic_s(self) -> float:
        """Seconds on a clock that never jumps, and goes on while the machine sleeps: for durations."""


STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.clock_gettime(STEADY)
