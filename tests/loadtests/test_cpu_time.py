"""CPU time and memory, from outside: less than a tick shows too, and every process counts for its part, once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time

import psutil
import pytest

from loadtests.harness.parts import Parts, cpu_s, family_cpu_s, part_of

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


WORKED_S = 0.2
WORK = f"import time\nwhile time.process_time() < {WORKED_S}: pass"
HOST = f"""
import subprocess, sys
def child(code): return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child({WORK!r}).wait()
living = child({WORK + chr(10) + "print(flush=True); input()"!r})
living.stdout.readline()
print(living.pid, flush=True)
input()
"""


@contextmanager
def host() -> Iterator[tuple[int, int]]:
    """Run a process of which one child has worked and ended, and another has worked and lives; yields two pids."""
    process = subprocess.Popen([sys.executable, "-c", HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin is not None and process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.stdin.write("\n")


def test_what_was_started_below_a_listed_process_is_counted_as_its_own_even_when_it_has_ended() -> None:
    with host() as (pid, _):
        parts = Parts({"api": pid})
        used_s, resident = parts.used_s(), parts.resident_bytes()
    assert used_s["api_cpu_s"] >= 2 * WORKED_S - 2 * TICK_S
    assert (used_s["push_service_cpu_s"], used_s["store_cpu_s"], parts.has_store) == (0, 0, False)
    assert (resident["api_rss_bytes"] > 0, resident["push_service_rss_bytes"]) == (True, 0)


def test_who_is_listed_below_another_answers_for_itself_and_is_counted_once() -> None:
    with host() as (pid, below):
        whole = Parts({"api": pid}).used_s()
        parts = Parts({"api": pid, "push_service": below})
        apart, resident = parts.used_s(), parts.resident_bytes()
    assert apart["push_service_cpu_s"] >= WORKED_S
    assert apart["api_cpu_s"] >= WORKED_S - 2 * TICK_S
    assert apart["api_cpu_s"] + apart["push_service_cpu_s"] == pytest.approx(whole["api_cpu_s"], abs=WORKED_S / 4)
    assert min(resident.values()) > 0


def test_every_process_belongs_to_a_part() -> None:
    roles = ("api", "api_2", "websocket_server", "push_service", "store", "supervisor", "host")
    assert [part_of(role) for role in roles] == ["api"] * 3 + ["push_service", "store", "supervisor", "supervisor"]


def test_who_only_tends_others_is_counted_apart_from_what_it_has_started() -> None:
    with host() as (pid, below):
        whole, tended = Parts({"api": pid}), Parts({"host": pid})
        used_s, resident = tended.used_s(), tended.resident_bytes()
        started = psutil.Process(below).memory_info().rss
        assert used_s["api_cpu_s"] >= 1.8 * WORKED_S
        assert 0 < used_s["supervisor_cpu_s"] < whole.used_s()["api_cpu_s"] - used_s["api_cpu_s"] + WORKED_S / 4
        assert resident["api_rss_bytes"] == pytest.approx(started, rel=0.05)
        assert whole.resident_bytes()["api_rss_bytes"] > 1.5 * started
