"""Who leads a test from the barrier to the end, whether its users are in this process or in several others.

Teaches that a test over several processes needs one who decides: when all have joined, at which moment sending begins,
how far every room's log goes, and when everybody has all of it. Each turn is printed as one JSON line, so that whoever
started this process can read the server's counters at the same moments.
"""

import json
import sys
from collections import Counter, deque
from statistics import quantiles
from time import perf_counter
from typing import Any

import gevent
from locust.env import Environment

from loadtests.accounts.samples import Window
from loadtests.plan.workload import Workload
from loadtests.users.clocks import this_machine

RAMP_S = 30.0
LEAD_S = 0.3  # from the announcement to the first message: time for the sampler to get ready
LOOK_S = 0.05
FINISH_S = 5.0
LIVE_MAX = 5000


class Conductor:
    """Leads one test of so many generator processes. troubles: what went wrong, in words."""

    def __init__(self, environment: Environment, workload: Workload, generators: int) -> None:
        self.troubles: list[str] = []
        self._environment = environment
        self._workload = workload
        self._generators = generators
        self._heard: Counter[str] = Counter()
        self._heads: dict[int, int] = {}
        self._fresh: deque[float] = deque(maxlen=LIVE_MAX)

    def hear(self, what: str, data: Any) -> None:
        """Take in what a process tells."""
        self._heard[what] += 1
        if what == "heads":
            for room, seq in data:
                self._heads[room] = max(seq, self._heads.get(room, 0))
        elif what == "live":
            self._fresh.extend(data)
            if len(self._fresh) > 1 and self._heard[what] % self._generators == 0:
                p50_s, p95_s = (quantiles(self._fresh, n=20)[place] for place in (9, 18))
                announce("measure", p50_ms=1000 * p50_s, p95_ms=1000 * p95_s)

    def conduct(self, users: int) -> None:
        """Lead the test; waits. Called once all users have been spawned."""
        if not self._await("joined", users, RAMP_S):
            self.troubles.append(f"{self._heard['joined']} of {users} users had joined after {RAMP_S:g} s")
        else:
            self._measure()
            self._drain(users)
            self._say("finish")
            self._await("finished", self._generators, FINISH_S)
        self._stop()

    def _measure(self) -> None:
        now_s = perf_counter()
        begin_s = now_s + LEAD_S
        start_s = begin_s + self._workload.warm_up_s
        window = Window(start_s, start_s + self._workload.measured_s)
        announce("warm-up", window=window)
        self._say("begin", {"machine": this_machine(), "now_s": now_s, "begin_s": begin_s})
        gevent.sleep(window.end_s - perf_counter())

    def _drain(self, users: int) -> None:
        """Wait until all has been sent, everybody has all that anybody knows of, and is back; at most `drain_s`."""
        announce("drain")
        with gevent.Timeout(self._workload.drain_s, False):
            self._await("spoken", users)
            self._say("tell heads")
            self._await("heads", self._generators)
            self._say("catch up", list(self._heads.items()))
            self._await("caught up", self._generators)

    def _stop(self) -> None:
        announce("stop")
        runner = self._environment.runner
        assert runner is not None
        if self._environment.web_ui:
            runner.stop()
        else:
            runner.quit()

    def _await(self, what: str, times: int, within_s: float | None = None) -> bool:
        """Wait until something has been heard so often; tell whether it was, in time."""
        with gevent.Timeout(within_s, False):
            while self._heard[what] < times:
                gevent.sleep(LOOK_S)
        return self._heard[what] >= times

    def _say(self, what: str, data: Any = None) -> None:
        runner = self._environment.runner
        assert runner is not None
        runner.send_message(what, data)


def announce(phase: str, **facts: object) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps({"phase": phase, **facts}) + "\n")
    sys.stdout.flush()
