"""CPU time, from outside: what was burnt shows, also where it is less than a tick of the system's clock."""

import os
import subprocess
import sys
from time import thread_time

import psutil
import pytest

from loadtests.harness.cpu_time import cpu_s, family_cpu_s

pytestmark = pytest.mark.process

BURNT_S = 0.004  # less than a tick of 10 ms
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""In which the system counts the user and the system time of children that have ended, each rounded down."""
BURN = f"""
import time
for _ in iter(input, "end"):
    begun_s = time.thread_time()
    while time.thread_time() - begun_s < {BURNT_S}:
        pass
    print(flush=True)
"""


def test_what_this_process_burns_is_counted() -> None:
    own = psutil.Process()
    before_s, begun_s = cpu_s(own), thread_time()
    while thread_time() - begun_s < 20 * BURNT_S:
        pass
    assert cpu_s(own) - before_s >= 10 * BURNT_S


def test_what_a_child_used_is_counted_after_its_end() -> None:
    own = psutil.Process()
    before_s = family_cpu_s(own)
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.1: pass"], check=True)
    assert family_cpu_s(own) - before_s >= 0.1 - 2 * TICK_S


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells less than a tick")
def test_less_than_a_tick_is_counted() -> None:
    command = [sys.executable, "-c", BURN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None and process.stdout is not None

        def burn() -> float:
            print(file=process.stdin)
            process.stdout.readline()  # type: ignore[union-attr]
            return family_cpu_s(psutil.Process(process.pid))

        before_s = burn()
        assert 0.9 * BURNT_S <= burn() - before_s < 10 * BURNT_S
        print("end", file=process.stdin)
