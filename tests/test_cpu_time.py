"""CPU time, from outside: what was burnt shows, also where it is less than a tick of the system's clock."""

import sys
from time import thread_time

import psutil
import pytest

from loadtests.rig.cpu_time import cpu_s, family_cpu_s

BURNT_S = 0.004  # less than a tick of 10 ms


def test_what_this_process_burns_is_counted() -> None:
    own = psutil.Process()
    before_s, begun_s = cpu_s(own), thread_time()
    while thread_time() - begun_s < 20 * BURNT_S:
        pass
    assert cpu_s(own) - before_s >= 10 * BURNT_S


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells less than a tick")
def test_less_than_a_tick_is_counted() -> None:
    own = psutil.Process()
    before_s, begun_s = family_cpu_s(own), thread_time()
    while thread_time() - begun_s < BURNT_S:
        pass
    assert family_cpu_s(own) - before_s >= 0.9 * BURNT_S
