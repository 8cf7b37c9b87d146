"""Who learns where in its course a test is: the process that started this one, or a person.

Teaches to print for whoever reads: a parent takes JSON lines, so that it can read the server's counters at the same
moments; a person takes sentences, in Locust's log, which its web interface shows as well.
"""

import json
import logging
import sys
from time import perf_counter
from typing import Protocol

from loadtests.accounts.samples import Window
from loadtests.plan.workload import Workload

LOG = logging.getLogger("loadtests")


class Progress(Protocol):
    """What a conductor reports."""

    def begin(self, window: Window) -> None: ...
    def measure(self, p50_ms: float, p95_ms: float) -> None: ...
    def drain(self) -> None: ...
    def stop(self) -> None: ...


class JsonPhases:
    """One line of JSON for each, on standard output."""

    def begin(self, window: Window) -> None:
        _print("warm-up", window=window)

    def measure(self, p50_ms: float, p95_ms: float) -> None:
        _print("measure", p50_ms=p50_ms, p95_ms=p95_ms)

    def drain(self) -> None:
        _print("drain")

    def stop(self) -> None:
        _print("stop")


class Sentences:
    """A sentence for what a person must know, in Locust's log."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._window: Window | None = None

    @property
    def status(self) -> str:
        """Say what happens at this moment."""
        if self._window is None:
            return "users are joining"
        now_s = perf_counter()
        if now_s < self._window.start_s:
            return f"warming up, {self._window.start_s - now_s:.0f} s left"
        if now_s < self._window.end_s:
            return f"measuring, {self._window.end_s - now_s:.0f} s left"
        return "waiting for the last deliveries"

    def begin(self, window: Window) -> None:
        self._window = window
        LOG.info(
            "All users have joined. Warming up for %g s, then measuring for %g s; the test ends by itself "
            "(--measured-s changes how long it measures).",
            self._workload.warm_up_s,
            self._workload.measured_s,
        )

    def measure(self, p50_ms: float, p95_ms: float) -> None:
        pass

    def drain(self) -> None:
        LOG.info("Nobody sends any more. Waiting for the last deliveries, at most %g s.", self._workload.drain_s)

    def stop(self) -> None:
        LOG.info("The test is over.")


def _print(phase: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"phase": phase, **facts}) + "\n")
    sys.stdout.flush()
