"""One generator process's part of a test: what its users share, from the barrier to the end.

Teaches why a load has phases (ramp, barrier, warm-up, measure, drain, stop): nobody sends before all have joined, and
nobody leaves before all has been delivered. The coordinator decides that, by messages: it may be in another process.
"""

import gc
import platform
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

from loadtests.accounts.rows import Window
from loadtests.plan.workload import Workload
from loadtests.users.delivery_recorder import DeliveryRecorder
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.progress import LOG
from loadtests.users.socket_meter import SocketMeter

TICK_S = 0.01  # of the clock by which a generator measures its own lag
CHECK_S = 0.05  # between two looks at what no event reports
TIMER_S = 0.001  # by how much gevent's timers may be late
LIVE_S = 1.0  # between two reports for the live display
LIVE_MAX = 500  # latencies in each of them


class GeneratorProcess:
    """One process's part of a test.

    begin_s: when sending begins, on this machine's monotonic clock. slack_s: bytes are also read so long before and
    after each edge of the window. generators: how many processes there are, this one included; rank: the index of this
    one, None if it came after the test had begun. name: part of the users' names, since users of the last test may
    still be online.
    """

    def __init__(
        self, environment: Environment, workload: Workload, slack_s: float, generators: int, rank: int | None
    ) -> None:
        assert isinstance(environment.runner, LocalRunner | WorkerRunner)
        self.workload = workload
        self.recorder = DeliveryRecorder()
        self.samples = self.recorder.samples
        self.meter = SocketMeter()
        self.name = token_hex(3)  # always of the same length, since every event carries a user's name
        self.begin_s = 0.0
        self._is_over = False
        self._users_connected = 0
        self._runner = environment.runner
        self._slack_s = slack_s
        self._generators = generators
        self._rank = rank
        self._background: list[Greenlet] = []
        self._refused = False
        self._indices = count()
        self._joined = self._finished_sending = 0
        self._begun = Event()
        self._latest_s: deque[float] = deque(maxlen=LIVE_MAX)

    def next_number(self) -> int | None:
        """Return the number of a new user, from 0: the processes take turns, so that there are no gaps.

        None after the test has begun: the schedule has no more users.
        """
        if self._rank is None or self._begun.is_set():
            LOG.warning("A user takes no part: the test had begun. Stop it, and start it again with more users.")
            return None
        return self._rank + next(self._indices) * self._generators

    def report_refusal(self, lost: ConnectionLost) -> None:
        """Report that a user cannot join, once: then nobody needs to wait for all."""
        if not self._refused:
            self._send("refused", str(lost))
        self._refused = True

    def wait_for_all(self) -> None:
        """Wait at the barrier until every user of every process has joined and sending begins, at `begin_s`."""
        self._joined += 1
        self._users_connected += 1
        self._send("joined")
        self.wait_for_begin()

    def wait_for_begin(self) -> None:
        """Wait until the barrier opens."""
        self._begun.wait()

    def user_finished(self) -> None:
        """Note that one more user has sent everything, and has it acknowledged."""
        self._finished_sending += 1
        self._send("finished sending")

    def user_left(self) -> None:
        """Note that one more user has left; the last one's samples complete those of this process."""
        self._users_connected -= 1
        self._report_if_complete()

    def note_latency(self, latency_s: float) -> None:
        """Note how long a message took, for the live display."""
        self._latest_s.append(latency_s)

    def begin(self, start: dict[str, Any]) -> None:
        """Open the barrier: sending begins at the coordinator's moment, on the clock that all processes here share."""
        if start["machine"] != platform.node():
            self.samples.troubles.append(
                f"{platform.node()} is not {start['machine']}, whose clock times the deliveries"
            )
        gc.collect()
        gc.disable()  # until the end: a collection takes 25 ms with 200 users
        self.begin_s = start["begin_s"]
        start_s = self.begin_s + self.workload.warm_up_s
        self.samples.window = Window(start_s, start_s + self.workload.measured_s)
        self._background = [gevent.spawn(run) for run in (self._tick, self._read_bytes, self._report_live)]
        self._begun.set()

    def send_heads(self, _: object = None) -> None:
        """Send the last seq of every room that is known here."""
        self._send("heads", list(self.recorder.heads.items()))

    def catch_up(self, heads: list[tuple[int, int]]) -> None:
        """Report once everybody here has everything up to these heads, unless the test ends before that."""
        self.recorder.raise_heads(heads)
        self._background.append(gevent.spawn(self._await_caught_up))

    def finish(self, _: object = None) -> None:
        """End the test: nothing is recorded from now on."""
        self._close()
        gevent.joinall(self._background, timeout=self._slack_s + CHECK_S)
        gevent.killall(self._background, block=False)
        self._is_over = True
        self._send("finished")
        self._report_if_complete()

    def stop_early(self) -> None:
        """End the test before its time; does nothing if it has ended."""
        if not self.recorder.closed:
            gevent.killall(self._background, block=False)
            self._close()
            self._report()

    def _close(self) -> None:
        gc.enable()
        self.recorder.close()
        self.samples.send_failures += self._joined - self._finished_sending  # whoever still sends has failed

    def _report_if_complete(self) -> None:
        """Send the samples to the coordinator once the test is over and all users have left."""
        if self._is_over and not self._users_connected:
            self._report()

    def _report(self) -> None:
        """Send the samples, after Locust's own report: a master that quits may not wait for that report."""
        if isinstance(self._runner, WorkerRunner):
            report: dict[str, Any] = {}
            self._runner.environment.events.report_to_master.fire(client_id=self._runner.client_id, data=report)
            self._send("stats", report)
        self.samples.client_bytes = self.meter.client_bytes()
        self.samples.handshakes = self.meter.handshakes
        self._send("samples", self.samples.encoded())

    def _await_caught_up(self) -> None:
        while not self.recorder.caught_up:
            gevent.sleep(CHECK_S)
        self._send("caught up")

    def _tick(self) -> None:
        """Record how late this process's own ticks come; a late wake-up records every tick that was due meanwhile."""
        due_s = self.samples.window.start_s
        while due_s < self.samples.window.end_s:
            gevent.sleep(max(0.0, due_s - perf_counter()))
            now_s = perf_counter()
            while due_s <= now_s:
                self.samples.lateness_s.append(now_s - due_s)
                due_s += TICK_S

    def _read_bytes(self) -> None:
        """Read the byte counters at both edges of the window, and a slack before and after each."""
        for edge_s in self.samples.window:
            for moment_s in (edge_s - self._slack_s, edge_s, edge_s + self._slack_s):
                sleep_until(moment_s)
                self.meter.record()

    def _report_live(self) -> None:
        sleep_until(self.samples.window.start_s)
        self._latest_s.clear()
        while perf_counter() < self.samples.window.end_s:
            gevent.sleep(LIVE_S)
            self._send("live", list(self._latest_s))
            self._latest_s.clear()

    def _send(self, message: str, data: Any = None) -> None:
        self._runner.send_message(message, data)


def sleep_until(moment_s: float) -> None:
    """Sleep until a moment of the monotonic clock, never less: gevent's timers run early after a busy turn.

    They also run late, by up to TIMER_S, since epoll counts in milliseconds: so in the last millisecond this greenlet
    only yields to others and looks at the clock again.
    """
    while (left_s := moment_s - perf_counter()) > 0:
        gevent.sleep(max(0.0, left_s - TIMER_S))
