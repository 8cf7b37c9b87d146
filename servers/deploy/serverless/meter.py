"""The provider's bill, counted at the host, as the provider counts it; and the counters of `GET /stats`.

Teaches the difference between three meters: how often a function is called, how long its calls last, and how much CPU
time they use. A held long poll is one call that lasts many seconds and uses hardly any CPU time. The counters are kept
at the edge, since those of an instance are lost when it ends. They leave out what only the function can count: the
events in a response, and the events that it has published.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from servers.core.counters import Purpose
from servers.wire_bytes import WireBytes

COLD_STARTS_KEPT = 1000


class TimeIntegral:
    """The integral of a number over time, in seconds: such as the seconds of all open invocations together."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._since_s = clock_s()
        self._seconds = 0.0
        self.number = 0

    @property
    def seconds(self) -> float:
        """The integral so far."""
        return self._seconds + self.number * (self._clock_s() - self._since_s)

    def change(self, by: int) -> None:
        """Change the number by this much, from now on."""
        self._seconds = self.seconds
        self._since_s = self._clock_s()
        self.number += by


@dataclass(slots=True)
class Meter:
    """invocations: calls that reached an instance. Seconds, summed up: `serving` of all invocations, `busy` of the
    instances while they serve at least one, `alive` of all instances. A provider that bills an instance while it serves
    bills `busy`; with a concurrency of 1 that equals `serving`.

    timeouts: late responses, replaced by an error. cut_streams and cut_sockets: cut by the maximum duration.
    throttled: refused because all instances were busy. upgrades_ignored: handshakes that the host does not support.
    failures: invocations whose instance did not start, or ended meanwhile.
    """

    since_s: float = field(default_factory=time.monotonic)
    invocations: int = 0
    serving: TimeIntegral = field(default_factory=TimeIntegral)
    busy: TimeIntegral = field(default_factory=TimeIntegral)
    alive: TimeIntegral = field(default_factory=TimeIntegral)
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
        """Return all counts. memory_gb: billed for each instance; living_cpu_s: CPU time of the live instances."""
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


PURPOSES = {
    b"send": Purpose.SEND,
    b"typing": Purpose.SEND,
    b"mark_read": Purpose.SEND,
    b"events": Purpose.RECEIVE,
    b"history": Purpose.RECEIVE,
}
UNCOUNTED = frozenset((b"/health", b"/stats", b"/host/stats"))
EMPTY_PAGE = b'"events":[]}'


@dataclass(slots=True)
class EdgeCounters:
    """The same columns as servers.core.counters, as far as they can be known here.

    command_frames: messages on sockets without the first of each, which joins a room.
    """

    requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Purpose, 0))
    command_frames: int = 0
    empty_answers: int = 0
    wire: WireBytes = field(default_factory=WireBytes)

    def count_request(self, path: bytes) -> None:
        """Count a request under its purpose; requests for the server's own state are not counted."""
        if path not in UNCOUNTED:
            self.requests[PURPOSES.get(path.rpartition(b"/")[2], Purpose.UPKEEP)] += 1

    def count_response(self, last_bytes: bytes) -> None:
        """Count a response that was a page without events."""
        if last_bytes.endswith(EMPTY_PAGE):
            self.empty_answers += 1

    def count_command(self) -> None:
        self.command_frames += 1
