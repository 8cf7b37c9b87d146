"""Coordinated omission: one second in which the server does nothing must show as one second, not vanish.

A generator that waits for responses sends nothing while the server stalls. Measured from the actual send, that shows as
one slow response for each user. Measured from the intended send, every message that was due during the stall is late.
"""

import os
import signal
from pathlib import Path
from statistics import quantiles
from time import perf_counter, sleep

import psutil
import pytest

from loadtests.harness.distance import ClientAddresses
from loadtests.harness.generator import generating
from loadtests.harness.server_probe import serving
from loadtests.plan.workload import Workload
from loadtests.targets.target import OurServers

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("measuring")]

STALL_S = 1.0
LOAD = Workload(users=8, room_size=4, rate_per_s=4.0, measured_s=3.0, poll_interval_s=0.5)


def test_a_second_of_stall_shows_in_full_and_nothing_is_lost(tmp_path: Path) -> None:
    file = OurServers().locust_file("raw_websocket")
    with (
        serving("raw_websocket", None, tmp_path / "server.log") as server,
        generating(file, ClientAddresses(server.address), LOAD, None, tmp_path) as generator,
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
        samples = generator.await_samples()
    assert (samples.send_failures, samples.troubles) == (0, [])
    due_s = {(row.room, row.seq): row.intended_s for row in samples.actions() if window.contains(row.intended_s)}
    came = [row for row in samples.deliveries() if (row.room, row.seq) in due_s]
    assert quantiles([row.received_s - due_s[row.room, row.seq] for row in came], n=100)[98] > 0.75 * STALL_S
    late_s = [row.received_s for row in came if began_s < due_s[row.room, row.seq] < ended_s]
    assert min(late_s) >= ended_s, "each took until the end of the stall, at least"
    # Measured from the actual send, most of it would be hidden: each user waits for an acknowledgement, so at most one
    # message of each is sent in the stall.
    sent_s = [row.sent_s for row in samples.actions() if began_s < row.intended_s < ended_s]
    assert sum(moment_s < ended_s for moment_s in sent_s) <= LOAD.users < len(sent_s)
