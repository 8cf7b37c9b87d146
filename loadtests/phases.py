"""The course of a test: ramp, barrier, warm-up, measure, drain, stop.

Teaches why a load has phases. While users are still joining, or leaving, the figures describe that and nothing else; so
nobody sends before everybody listens, and nobody hangs up before everything has arrived. Each turn is printed as one
JSON line, so that whoever started this process can read the server's counters at the same moments.
"""

import gc
import json
import sys
from itertools import count
from time import perf_counter

import gevent
from gevent.event import Event
from locust.env import Environment

from loadtests.samples import Tick, Window
from loadtests.socket_meter import SocketMeter
from loadtests.witness import Witness
from loadtests.workload import Workload

RAMP_S = 30.0
LEAD_S = 0.3  # from the announcement to the first message: time for the sampler to get ready
TICK_S = 0.01
LOOK_S = 0.05
TIMER_S = 0.001


class Load:
    """What all users of a test share: its workload, its phases and its samples.

    begin_s: when sending begins, on the monotonic clock. slack_s: how far from the window's ends bytes are read, too.
    """

    def __init__(self, environment: Environment, workload: Workload, slack_s: float) -> None:
        self.workload = workload
        self.witness = Witness()
        self.samples = self.witness.samples
        self.meter = SocketMeter()
        self._slack_s = slack_s
        self.begin_s = 0.0
        self._environment = environment
        self._numbers = count()
        self._joined = 0
        self._spoken = 0
        self._begun = Event()

    def next_number(self) -> int:
        """Return the number of a new user, from 0."""
        return next(self._numbers)

    def wait_for_all(self) -> None:
        """Wait at the barrier until every user has joined and sending begins, at `begin_s`."""
        self._joined += 1
        self._begun.wait()

    def has_spoken(self) -> None:
        """Note that one more user has sent everything, and has it acknowledged."""
        self._spoken += 1

    def conduct(self, users: int) -> None:
        """Lead the test from the barrier to the end; waits. Called once all users have been spawned."""
        with gevent.Timeout(RAMP_S, False):
            while self._joined < users:
                gevent.sleep(LOOK_S)
        if self._joined < users:
            self.samples.troubles.append(f"{self._joined} of {users} users had joined after {RAMP_S:g} s")
        else:
            self._measure()
            self._drain()
            self._reading.join()
        self._stop()

    def _measure(self) -> None:
        gc.collect()
        gc.freeze()  # the users live to the end, and looking through 200 of them for garbage takes 25 ms
        self.begin_s = perf_counter() + LEAD_S
        start_s = self.begin_s + self.workload.warm_up_s
        window = self.samples.window = Window(start_s, start_s + self.workload.measured_s)
        announce("warm-up", window=window)
        self._reading = gevent.spawn(self._read_bytes, window)
        self._begun.set()
        due_s = window.start_s
        while due_s < window.end_s:
            gevent.sleep(max(0.0, due_s - perf_counter()))
            now_s = perf_counter()
            while due_s <= now_s:  # ticks that were missed count too, each as late as it is by now
                self.samples.note_tick(Tick(due_s, now_s - due_s))
                due_s += TICK_S

    def _read_bytes(self, window: Window) -> None:
        for end_s in window:
            for moment_s in (end_s - self._slack_s, end_s, end_s + self._slack_s):
                sleep_until(moment_s)
                self.meter.note()

    def _drain(self) -> None:
        announce("drain")
        with gevent.Timeout(self.workload.drain_s, False):
            while self._spoken < self._joined:
                gevent.sleep(LOOK_S)
            while not self.witness.caught_up:
                gevent.sleep(LOOK_S)
        self.witness.close()
        self.samples.send_failures += self._joined - self._spoken

    def _stop(self) -> None:
        announce("stop")
        runner = self._environment.runner
        assert runner is not None
        if self._environment.web_ui:
            runner.stop()
        else:
            runner.quit()


def sleep_until(moment_s: float) -> None:
    """Sleep until a moment of the monotonic clock, never less: gevent's timers run early after a busy turn.

    They also run late, by up to TIMER_S, since epoll counts in milliseconds: the last of them is waited for awake, in
    turn with whoever else has something to do.
    """
    while (left_s := moment_s - perf_counter()) > 0:
        gevent.sleep(max(0.0, left_s - TIMER_S))


def announce(phase: str, **facts: object) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps({"phase": phase, **facts}) + "\n")
    sys.stdout.flush()
