"""What a provider bills, counted where the provider counts: at the host, not in the function.

Teaches that three things are paid for which look alike: how often a function is called, how long it is held, and how
long it computes. A held long poll is one call, many seconds held, and hardly any computing.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

COLD_STARTS_KEPT = 1000


class Area:
    """How long things have gone on, summed over all of them: the area under their number, in seconds."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._since_s = clock_s()
        self._seconds = 0.0
        self.number = 0

    @property
    def seconds(self) -> float:
        """The area so far, with what still goes on."""
        return self._seconds + self.number * (self._clock_s() - self._since_s)

    def change(self, by: int) -> None:
        """From now on there are so many more, or fewer."""
        self._seconds, self._since_s = self.seconds, self._clock_s()
        self.number += by


@dataclass(slots=True)
class Meter:
    """invocations: calls that reached an instance. serving, busy, alive: what adds up to seconds of invocations, of
    instances that have at least one, of instances. Whoever bills an instance from its first invocation to its last
    bills `busy`; with a concurrency of 1 that is `serving`.

    timeouts: responses that came too late, and were replaced. cut_streams and cut_sockets: ended while they went on.
    throttled: refused because all instances were busy. upgrades_ignored: handshakes that the host does not support.
    failures: invocations whose instance did not start, or ended under them.
    """

    since_s: float = field(default_factory=time.monotonic)
    invocations: int = 0
    serving: Area = field(default_factory=Area)
    busy: Area = field(default_factory=Area)
    alive: Area = field(default_factory=Area)
    cold_starts: int = 0
    cold_start_s: deque[float] = field(default_factory=lambda: deque(maxlen=COLD_STARTS_KEPT))
    boot_cpu_s: float = 0.0
    ended_cpu_s: float = 0.0
    timeouts: int = 0
    cut_streams: int = 0
    cut_sockets: int = 0
    throttled: int = 0
    upgrades_ignored: int = 0
    failures: int = 0

    def as_dict(self, memory_gb: float, living_cpu_s: float) -> dict[str, Any]:
        """Return all counts; given what an instance is billed for, and the CPU time of those that live."""
        busy_s = self.busy.seconds
        counts = {field.name: getattr(self, field.name) for field in fields(self) if field.type is int}
        return {
            **counts,
            "up_s": time.monotonic() - self.since_s,
            "invocation_s": self.serving.seconds,
            "instance_busy_s": busy_s,
            "instance_alive_s": self.alive.seconds,
            "held_gb_s": busy_s * memory_gb,
            "cpu_s": self.ended_cpu_s + living_cpu_s,
            "boot_cpu_s": self.boot_cpu_s,
            "cold_start_s": list(self.cold_start_s),
            "instances": {"alive": self.alive.number, "busy": self.busy.number},
            "open_calls": self.serving.number,
        }
