"""The coordinator of a test from the barrier to the end, whether its users are in this process or in several others.

Teaches that a test over several processes needs one that decides: when all have joined, at which moment sending begins,
how far every room's log goes, and when everybody has all of it.
"""

import platform
from collections import Counter, deque
from collections.abc import Callable
from statistics import quantiles
from time import perf_counter
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from loadtests.accounts.rows import Window
from loadtests.accounts.samples import Samples
from loadtests.accounts.summary import Summary, summarise
from loadtests.plan.workload import Workload
from loadtests.users.progress import LOG, OnPhase

RAMP_S = 30.0  # for started users to join; beyond it, something is wrong
LEAD_S = 0.1  # from the announcement to the warm-up: time for every process to get it
CHECK_S = 0.02  # between two looks at what no event reports
FINISH_S = 30.0  # for the processes to end the test; beyond it, something is wrong
LEAVE_S = 60.0  # for the users to leave: as long as Locust waits for them
LIVE_MAX = 5000  # latencies behind the live percentiles: those of some seconds


class Coordinator:
    """Leads one test. generators: the number of generator processes. advice: what to do if users cannot join.

    troubles: what went wrong, in words. parts: the samples of each process that has sent them.
    """

    def __init__(
        self, environment: Environment, workload: Workload, generators: int, on_phase: OnPhase, advice: str
    ) -> None:
        assert environment.runner is not None
        self.troubles: list[str] = []
        self.parts: list[Samples] = []
        self._is_over = False
        self._environment = environment
        self._runner = environment.runner
        self._workload = workload
        self._generators = generators
        self._on_phase = on_phase
        self._advice = advice
        self._received: Counter[str] = Counter()
        self._heads: dict[int, int] = {}
        self._latest_s: deque[float] = deque(maxlen=LIVE_MAX)
        self._refusal = ""
        self._spawned_s: float | None = None
        self._ended_s: float | None = None
        self._leading = gevent.spawn(self._lead)

    @property
    def has_all_parts(self) -> bool:
        """Whether every process has sent its samples."""
        return len(self.parts) == self._generators

    def summary(self) -> Summary:
        """Return the summary of the samples that have come so far."""
        return summarise(self.parts, self._generators, self._ended_s, self.troubles)

    def on_message(self, message: str, data: Any) -> None:
        """Handle a message of a process."""
        self._received[message] += 1
        match message:
            case "heads":
                for room, seq in data:
                    self._heads[room] = max(seq, self._heads.get(room, 0))
            case "refused":
                self._refusal = self._refusal or data
            case "samples":
                self.parts.append(Samples.decoded(data))
            case "live":
                self._latest_s.extend(data)
                if self._received[message] % self._generators == 0 and len(self._latest_s) > 1:
                    shares = quantiles(self._latest_s, n=20)
                    self._on_phase("measure", p50_ms=1000 * shares[9], p95_ms=1000 * shares[18])

    def spawned(self) -> None:
        """Note that Locust has started all users, who may not have joined yet."""
        self._spawned_s = perf_counter()

    def stop_early(self) -> None:
        """Lead no more, if somebody else stops the test; does nothing if it ends by itself."""
        if not self._is_over:
            self._ended_s = perf_counter()
            self._leading.kill(block=False)
            self._is_over = True

    def _lead(self) -> None:
        """Lead the test; waits. Starts with the first user, so that a refusal is reported at once."""
        users = self._runner.target_user_count
        if problem := self._await_users(users):
            self.troubles.append(problem)
            LOG.error(problem)
            self._ended_s = perf_counter()
        else:
            self._measure()
            self._drain(users)
            self._runner.send_message("finish")
            self._await("finished", self._generators, FINISH_S)
        self._stop()

    def _await_users(self, users: int) -> str:
        """Wait until all have joined, and return ""; or return the reason once it is clear that they will not."""
        while self._received["joined"] < users:
            if self._refusal:
                host = self._environment.host
                reason = self._refusal.removeprefix(f"{host}: ")
                return f"A user cannot join at {host}: {reason}. Does its server run there? {self._advice}"
            if self._spawned_s and perf_counter() - self._spawned_s > RAMP_S:
                return f"{self._received['joined']} of {users} users had joined after {RAMP_S:g} s"
            gevent.sleep(CHECK_S)
        return ""

    def _measure(self) -> None:
        """Begin the load, and wait until the window ends."""
        load = self._workload
        begin_s = perf_counter() + LEAD_S
        start_s = begin_s + load.warm_up_s
        window = Window(start_s, start_s + load.measured_s)
        self._on_phase("warm-up", window=window, warm_up_s=load.warm_up_s, measured_s=load.measured_s)
        self._runner.send_message("begin", {"machine": platform.node(), "begin_s": begin_s})
        gevent.sleep(window.end_s - perf_counter())

    def _drain(self, users: int) -> None:
        """Wait, at most `drain_s`, until everything is sent, and everybody is connected and has every known event."""
        self._on_phase("drain", drain_s=self._workload.drain_s)
        with gevent.Timeout(self._workload.drain_s, False):
            self._await("finished sending", users)
            self._runner.send_message("send heads")
            self._await("heads", self._generators)
            self._runner.send_message("catch up", list(self._heads.items()))
            self._await("caught up", self._generators)

    def _stop(self) -> None:
        self._is_over = True
        self._on_phase("stop")
        is_headless = not self._environment.web_ui
        if not (is_headless and self.troubles):
            self._stop_users()
        if is_headless:
            self._runner.quit()

    def _stop_users(self) -> None:
        """Stop the users, and wait for the samples of other processes: a master that quits waits for half a second."""
        if not isinstance(self._runner, MasterRunner):
            self._runner.stop()
            return
        _wait_until(lambda: self._spawned_s is not None)  # a master would go on starting users while it stops them
        self._runner.stop()
        self._await("samples", self._generators, LEAVE_S)

    def _await(self, message: str, times: int, within_s: float | None = None) -> None:
        """Wait until a message has come `times` times, but no longer than `within_s`."""
        with gevent.Timeout(within_s, False):
            _wait_until(lambda: self._received[message] >= times)


def _wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        gevent.sleep(CHECK_S)
