"""Coordinated omission: one second in which the server does nothing must show as one second, not vanish.

A generator that waits for responses sends nothing while the server stalls. Measured from the actual send, that shows as
one slow response for each user. Measured from the intended send, every message that was due during the stall is late.
"""

import os
import signal
from statistics import quantiles
from time import perf_counter, sleep
from typing import NamedTuple

import psutil
import pytest

from loadtests.accounts.samples import Samples
from loadtests.harness.distance import ClientAddresses
from loadtests.harness.generator import generating
from loadtests.harness.server_probe import serving
from loadtests.plan.workload import Workload
from loadtests.targets.target import OurServers

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("measuring")]

STALL_S = 1.0
LOAD = Workload(users=8, room_size=4, rate_per_s=4.0, measured_s=3.0, poll_interval_s=0.5)


class Stalled(NamedTuple):
    """The samples of a run during which the server was stopped, and when the stop began and ended."""

    samples: Samples
    began_s: float
    ended_s: float

    def latencies_s(self) -> list[float]:
        """Return the latency of each delivery in the window, from the intended moment."""
        contains = self.samples.window.contains
        sent = {(row.room, row.seq): row.intended_s for row in self.samples.actions() if contains(row.intended_s)}
        received = {(row.room, row.seq, row.recipient): row.received_s for row in self.samples.deliveries()}
        return [received_s - sent[key[:2]] for key, received_s in received.items() if key[:2] in sent]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Stalled:
    folder, file = tmp_path_factory.mktemp("stall"), OurServers().locust_file("raw_websocket")
    with (
        serving("raw_websocket", None, folder / "server.log") as server,
        generating(file, ClientAddresses(server.address), LOAD, None, folder) as generator,
    ):
        window = generator.await_window()
        assert window is not None
        sleep(max(0.0, window.start_s + 1.0 - perf_counter()))
        os.kill(server.pids["api"], signal.SIGSTOP)
        try:
            while psutil.Process(server.pids["api"]).status() != psutil.STATUS_STOPPED:
                pass
            began_s = perf_counter()
            sleep(STALL_S)  # the stall itself
        finally:
            ended_s = perf_counter()
            os.kill(server.pids["api"], signal.SIGCONT)
        return Stalled(generator.await_samples(), began_s, ended_s)


def test_a_second_of_stall_shows_in_full_and_nothing_is_lost(run: Stalled) -> None:
    assert quantiles(run.latencies_s(), n=100)[98] > 0.75 * STALL_S
    scheduled_s = {(row.room, row.seq): row.intended_s for row in run.samples.actions()}
    late = [
        row for row in run.samples.deliveries() if run.began_s < scheduled_s.get((row.room, row.seq), 0.0) < run.ended_s
    ]
    assert late
    assert all(row.received_s >= run.ended_s for row in late), "until the end of the stall, at least"
    assert (run.samples.send_failures, run.samples.troubles) == (0, [])


def test_measured_from_the_actual_send_most_of_the_stall_would_be_hidden(run: Stalled) -> None:
    """Each user waits for an acknowledgement, so at most one message of each is sent in the stall."""
    scheduled = [row for row in run.samples.actions() if run.began_s < row.intended_s < run.ended_s]
    sent = [row for row in scheduled if row.sent_s < run.ended_s]
    assert len(sent) <= LOAD.users < len(scheduled)
