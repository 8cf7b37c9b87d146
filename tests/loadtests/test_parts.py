"""CPU time and memory of a server's processes count for their part, with those of all descendants, and once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from loadtests.harness.parts import Parts, part_of

pytestmark = pytest.mark.process

BURNT_S = 0.2
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""In which the system counts the user and the system time of children that have ended, each rounded down."""
BURN = f"import time\nwhile time.process_time() < {BURNT_S}: pass"
HOST = f"""
import subprocess, sys
def child(code): return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child({BURN!r}).wait()
living = child({BURN + chr(10) + "print(flush=True); input()"!r})
living.stdout.readline()
print(living.pid, flush=True)
input()
"""


@contextmanager
def host() -> Iterator[tuple[int, int]]:
    """Run a process of which one child has worked and ended, and another has worked and lives; yields two pids."""
    process = subprocess.Popen([sys.executable, "-c", HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.stdin.write("\n")


def test_what_was_started_below_a_listed_process_is_counted_as_its_own_even_when_it_has_ended() -> None:
    with host() as (pid, _):
        parts = Parts({"api": pid})
        used_s, resident = parts.used_s(), parts.resident_bytes()
    assert used_s["api_cpu_s"] >= 2 * BURNT_S - 2 * TICK_S
    assert (used_s["push_service_cpu_s"], used_s["store_cpu_s"], parts.has_store) == (0, 0, False)
    assert (resident["api_rss_bytes"] > 0, resident["push_service_rss_bytes"]) == (True, 0)


def test_who_is_listed_below_another_answers_for_itself_and_is_counted_once() -> None:
    with host() as (pid, below):
        whole = Parts({"api": pid}).used_s()
        parts = Parts({"api": pid, "push_service": below})
        apart, resident = parts.used_s(), parts.resident_bytes()
    assert apart["push_service_cpu_s"] >= BURNT_S
    assert apart["api_cpu_s"] >= BURNT_S - 2 * TICK_S
    assert apart["api_cpu_s"] + apart["push_service_cpu_s"] == pytest.approx(whole["api_cpu_s"], abs=BURNT_S / 4)
    assert min(resident.values()) > 0


def test_every_process_belongs_to_a_part() -> None:
    roles = ("api", "api_2", "websocket_server", "push_service", "store", "supervisor", "host")
    assert [part_of(role) for role in roles] == ["api"] * 3 + ["push_service", "store", "supervisor", "supervisor"]


def test_who_only_tends_others_is_counted_apart_from_what_it_has_started() -> None:
    with host() as (pid, below):
        whole, tended = Parts({"api": pid}), Parts({"host": pid})
        used_s, resident = tended.used_s(), tended.resident_bytes()
        started = psutil.Process(below).memory_info().rss
        assert used_s["api_cpu_s"] >= 1.8 * BURNT_S
        assert 0 < used_s["supervisor_cpu_s"] < whole.used_s()["api_cpu_s"] - used_s["api_cpu_s"] + BURNT_S / 4
        assert resident["api_rss_bytes"] == pytest.approx(started, rel=0.05)
        assert whole.resident_bytes()["api_rss_bytes"] > 1.5 * started
