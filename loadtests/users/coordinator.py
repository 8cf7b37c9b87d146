"""Who leads a test from the barrier to the end, whether its users are in this process or in several others.

Teaches that a test over several processes needs one who decides: when all have joined, at which moment sending begins,
how far every room's log goes, and when everybody has all of it. Each turn is reported to whoever watches (`progress`).
"""

from collections import Counter, deque
from collections.abc import Callable
from statistics import quantiles
from time import perf_counter
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from loadtests.accounts.samples import Samples, Window
from loadtests.accounts.summary import Summary, summarise
from loadtests.plan.workload import Workload
from loadtests.users.clocks import this_machine
from loadtests.users.progress import LOG, Progress

RAMP_S = 30.0
LEAD_S = 0.3  # from the announcement to the first message: time for the sampler to get ready
LOOK_S = 0.05
FINISH_S = 5.0
LIVE_MAX = 5000


class Coordinator:
    """Leads one test of so many generator processes. troubles: what went wrong, in words; advice: what to do then.

    delivered: how many deliveries there were so far, of all kinds. ended_s: when the test was stopped, if it was.
    """

    def __init__(
        self, environment: Environment, workload: Workload, generators: int, progress: Progress, advice: str
    ) -> None:
        self.troubles: list[str] = []
        self.progress = progress
        self.delivered = 0
        self.is_over = False
        self._environment = environment
        self._workload = workload
        self._generators = generators
        self._advice = advice
        self._heard: Counter[str] = Counter()
        self._heads: dict[int, int] = {}
        self._fresh: deque[float] = deque(maxlen=LIVE_MAX)
        self._parts: list[Samples] = []
        self._refusal = ""
        self._spawned_s: float | None = None
        self._ended_s: float | None = None
        self._leading = gevent.spawn(self._lead)

    @property
    def has_all_parts(self) -> bool:
        """Whether every process has sent what it noted down."""
        return len(self._parts) == self._generators

    def summary(self) -> Summary:
        """Return what is known of the test's deliveries."""
        return summarise(self._parts, self._generators, self._ended_s, self.troubles)

    def live_ms(self) -> tuple[float, float] | None:
        """Return the median and the 95th percentile of the latest deliveries, in ms; None while there are too few."""
        if len(self._fresh) < 2:
            return None
        shares = quantiles(self._fresh, n=20)
        return 1000 * shares[9], 1000 * shares[18]

    def hear(self, what: str, data: Any) -> None:
        """Take in what a process tells."""
        self._heard[what] += 1
        match what:
            case "heads":
                for room, seq in data:
                    self._heads[room] = max(seq, self._heads.get(room, 0))
            case "not joined":
                self._refusal = self._refusal or data
            case "finished" if data:
                self._parts.append(Samples.decoded(data))
            case "live":
                self._fresh.extend(data["latencies_s"])
                self.delivered += data["delivered"]
                if self._heard[what] % self._generators == 0 and (live := self.live_ms()):
                    self.progress.measure(*live)

    def spawned(self) -> None:
        """Note that Locust has started all users, who may not have joined yet."""
        self._spawned_s = perf_counter()

    def stop_early(self) -> None:
        """Lead no more, if somebody else stops the test; does nothing if it ends by itself."""
        if not self.is_over:
            self._ended_s = perf_counter()
            self._leading.kill(block=False)
            self.is_over = True

    def _lead(self) -> None:
        """Lead the test; waits. Begins with its first user, and not with its last: who cannot join says so at once."""
        assert self._environment.runner is not None
        users = self._environment.runner.target_user_count
        if problem := self._await_users(users):
            self.troubles.append(problem)
            LOG.error(problem)
            self._ended_s = perf_counter()
        else:
            self._measure()
            self._drain(users)
            self._say("finish")
            self._await("finished", self._generators, FINISH_S)
        self._stop()

    def _await_users(self, users: int) -> str:
        """Wait until all have joined; say why they have not, once it is clear that they will not."""
        while self._heard["joined"] < users:
            if self._refusal:
                host = self._environment.host
                reason = self._refusal.removeprefix(f"{host}: ")
                return f"A user cannot join at {host}: {reason}. Does its server run there? {self._advice}"
            if self._spawned_s and perf_counter() - self._spawned_s > RAMP_S:
                return f"{self._heard['joined']} of {users} users had joined after {RAMP_S:g} s"
            gevent.sleep(LOOK_S)
        return ""

    def _measure(self) -> None:
        now_s = perf_counter()
        begin_s = now_s + LEAD_S
        start_s = begin_s + self._workload.warm_up_s
        window = Window(start_s, start_s + self._workload.measured_s)
        self.progress.begin(window)
        self._say("begin", {"machine": this_machine(), "now_s": now_s, "begin_s": begin_s})
        gevent.sleep(window.end_s - perf_counter())

    def _drain(self, users: int) -> None:
        """Wait until all has been sent, everybody has all that anybody knows of, and is back; at most `drain_s`."""
        self.progress.drain()
        with gevent.Timeout(self._workload.drain_s, False):
            self._await("spoken", users)
            self._say("tell heads")
            self._await("heads", self._generators)
            self._say("catch up", list(self._heads.items()))
            self._await("caught up", self._generators)

    def _stop(self) -> None:
        self.is_over = True
        self.progress.stop()
        runner = self._environment.runner
        assert runner is not None
        if not self._environment.web_ui:
            runner.quit()
            return
        if isinstance(runner, MasterRunner):  # which would go on starting users while it stops them
            self._wait_for(lambda: self._spawned_s is not None)
        runner.stop()

    def _await(self, what: str, times: int, within_s: float | None = None) -> None:
        """Wait until something has been heard so often, or no longer than that."""
        with gevent.Timeout(within_s, False):
            self._wait_for(lambda: self._heard[what] >= times)

    def _wait_for(self, holds: Callable[[], bool]) -> None:
        while not holds():
            gevent.sleep(LOOK_S)

    def _say(self, what: str, data: Any = None) -> None:
        runner = self._environment.runner
        assert runner is not None
        runner.send_message(what, data)
