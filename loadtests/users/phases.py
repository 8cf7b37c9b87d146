"""What the users of one generator process share: their numbers, the barrier, what they saw, and where the test is.

Teaches why a load has phases: ramp, barrier, warm-up, measure, drain, stop. While users are still joining, or leaving,
the figures describe that and nothing else; so nobody sends before everybody listens, and nobody hangs up before
everything has arrived. Who decides that is the conductor (`loadtests.users.coordinator`), by message: it may be in
another process. Locust has its own runner deliver them, also where there is one process only.
"""

import gc
from collections import deque
from itertools import count
from secrets import token_hex
from time import perf_counter
from typing import Any

import gevent
from gevent import Greenlet
from gevent.event import Event
from locust.env import Environment
from locust.runners import LocalRunner, WorkerRunner

from loadtests.accounts.samples import RECEIVED, Tick, Window
from loadtests.plan.workload import Workload
from loadtests.users.clocks import Clock, this_machine
from loadtests.users.delivery_recorder import DeliveryRecorder
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.progress import LOG
from loadtests.users.socket_meter import SocketMeter

TICK_S = 0.01
LOOK_S = 0.05
TIMER_S = 0.001
LIVE_S = 1.0
LIVE_MAX = 500


class Load:
    """One process's part of a test.

    begin_s: when sending begins, on this machine's monotonic clock. slack_s: how far from the window's ends bytes are
    read, too. generators: how many processes there are, this one included; rank: which of them this is, from 0, None
    if the test had begun without it. name: tells this test's users from those of the last, who may still be online.
    tells_samples: whether to send them as soon as the test is over.
    """

    def __init__(
        self,
        environment: Environment,
        workload: Workload,
        slack_s: float,
        generators: int,
        rank: int | None,
        tells_samples: bool,
    ) -> None:
        assert isinstance(environment.runner, LocalRunner | WorkerRunner)
        self.workload = workload
        self.witness = DeliveryRecorder()
        self.samples = self.witness.samples
        self.meter = SocketMeter()
        self.name = token_hex(3)  # of another length, every event that carries a user's name would be, too
        self.begin_s = 0.0
        self.is_over = False
        self._runner = environment.runner
        self._slack_s = slack_s
        self._generators = generators
        self._rank = rank
        self._tells_samples = tells_samples
        self._watching: list[Greenlet] = []
        self._refused = False
        self._places = count()
        self._own = self._spoken = self.users_left = 0
        self._begun = Event()
        self._fresh: deque[float] = deque(maxlen=LIVE_MAX)

    def next_number(self) -> int | None:
        """Return the number of a new user, from 0: the processes take turns, so that all numbers are dense.

        None for whoever comes after the test has begun: no plan would hold their deliveries.
        """
        if self._rank is None or self._begun.is_set():
            LOG.warning("A user takes no part: the test had begun. Stop it, and start it again with more users.")
            return None
        return self._rank + next(self._places) * self._generators

    def refuse(self, broken: ConnectionLost) -> None:
        """Note that a user cannot join: then nobody needs to wait for all."""
        if not self._refused:
            self._tell("not joined", str(broken))
        self._refused = True

    def wait_for_all(self) -> None:
        """Wait at the barrier until every user of every process has joined and sending begins, at `begin_s`."""
        self._own += 1
        self.users_left += 1
        self._tell("joined")
        self._begun.wait()

    def has_left(self) -> None:
        """Note that a user has hung up for good."""
        self.users_left -= 1

    def has_spoken(self) -> None:
        """Note that one more user has sent everything, and has it acknowledged."""
        self._spoken += 1
        self._tell("spoken")

    def note_latency(self, latency_s: float) -> None:
        """Note how long a message took, for whoever watches."""
        self._fresh.append(latency_s)

    def begin(self, told: dict[str, Any]) -> None:
        """Open the barrier: sending begins at the conductor's moment, which another machine's clock must translate."""
        clock = Clock.of(told["machine"], told["now_s"], perf_counter())
        gc.collect()
        gc.freeze()  # the users live to the end, and looking through 200 of them for garbage takes 25 ms
        self.begin_s = clock.here_s(told["begin_s"])
        start_s = self.begin_s + self.workload.warm_up_s
        self.samples.window = Window(start_s, start_s + self.workload.measured_s)
        self.samples.ahead_s = clock.ahead_s
        self.samples.machine_of = dict.fromkeys(self.samples.user_ids, this_machine())
        self._watching = [gevent.spawn(self._tick), gevent.spawn(self._read_bytes), gevent.spawn(self._tell_live)]
        self._begun.set()

    def tell_heads(self, _: object = None) -> None:
        """Tell how far every room's log goes, as far as is known here."""
        self._tell("heads", list(self.witness.heads.items()))

    def catch_up(self, heads: list[tuple[int, int]]) -> None:
        """Say so once everybody here has everything up to these heads."""
        self.witness.raise_heads(heads)
        gevent.spawn(self._await_caught_up)

    def finish(self, _: object = None) -> None:
        """End the test: what happens from now on is nobody's business."""
        self._close()
        gevent.joinall(self._watching, timeout=self._slack_s + LOOK_S)
        self.is_over = True
        self._tell_finished()

    def stop_early(self) -> None:
        """End the test before its time; does nothing if it has ended."""
        if not self.witness.closed:
            gevent.killall(self._watching, block=False)
            self._close()
            self._tell_finished()

    def _close(self) -> None:
        self.witness.close()
        self.samples.send_failures += self._own - self._spoken

    def _tell_finished(self) -> None:
        """Say so, with the samples; before them goes Locust's report, which a master that quits may not wait for."""
        if not self._tells_samples:
            self._tell("finished")
            return
        if isinstance(self._runner, WorkerRunner):
            report: dict[str, Any] = {}
            self._runner.environment.events.report_to_master.fire(client_id=self._runner.client_id, data=report)
            self._tell("stats", report)
        self._tell("finished", self.samples.encoded())

    def _await_caught_up(self) -> None:
        while not self.witness.caught_up:
            gevent.sleep(LOOK_S)
        self._tell("caught up")

    def _tick(self) -> None:
        """Note how late this process's own ticks come; those that were missed, too, each as late as it is by then."""
        window, due_s = self.samples.window, self.samples.window.start_s
        while due_s < window.end_s:
            gevent.sleep(max(0.0, due_s - perf_counter()))
            now_s = perf_counter()
            while due_s <= now_s:
                self.samples.note_tick(Tick(due_s, now_s - due_s))
                due_s += TICK_S

    def _read_bytes(self) -> None:
        for end_s in self.samples.window:
            for moment_s in (end_s - self._slack_s, end_s, end_s + self._slack_s):
                sleep_until(moment_s)
                self.meter.note()

    def _tell_live(self) -> None:
        sleep_until(self.samples.window.start_s)
        self._fresh.clear()
        told = 0
        while perf_counter() < self.samples.window.end_s:
            gevent.sleep(LIVE_S)
            delivered, fresh = len(self.samples.received) // RECEIVED.size, list(self._fresh)
            self._fresh.clear()
            self._tell("live", {"latencies_s": fresh, "delivered": delivered - told})
            told = delivered

    def _tell(self, what: str, data: Any = None) -> None:
        self._runner.send_message(what, data)


def sleep_until(moment_s: float) -> None:
    """Sleep until a moment of the monotonic clock, never less: gevent's timers run early after a busy turn.

    They also run late, by up to TIMER_S, since epoll counts in milliseconds: the last of them is waited for awake, in
    turn with whoever else has something to do.
    """
    while (left_s := moment_s - perf_counter()) > 0:
        gevent.sleep(max(0.0, left_s - TIMER_S))
