"""Clocks that are injected, so that tests control the time."""

import time
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Wall clock, in ms since 1970: for stamps that other machines read."""
        ...

    def monotonic_s(self) -> float:
        """A clock that never jumps, in seconds: for durations."""
        ...


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()
