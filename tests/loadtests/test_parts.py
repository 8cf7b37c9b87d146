"""CPU time and memory of each part of a server: less than a tick, children, supervisors."""

import os
import subprocess
import sys
from unittest.mock import Mock

import psutil
import pytest

from loadtests.harness.parts import Parts, part_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts less than a tick")

BRIEFLY_S = 0.004  # less than a tick of 10 ms
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""The unit in which the system counts user and system time of children that have ended, each rounded down."""
WORK_BRIEFLY = f"""
import time
for _ in iter(input, "end"):
    begun_s = time.thread_time()
    while time.thread_time() - begun_s < {BRIEFLY_S}:
        pass
    print(flush=True)
"""


@pytest.mark.process
@linux
def test_cpu_time_of_less_than_a_tick_is_counted() -> None:
    command = [sys.executable, "-c", WORK_BRIEFLY]
    with psutil.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

        def work() -> float:
            print(file=process.stdin)
            process.stdout.readline()
            return parts.used_s()["api_cpu_s"]

        parts = Parts({"api": process.pid})
        before_s = work()
        assert 0.9 * BRIEFLY_S <= work() - before_s < 10 * BRIEFLY_S
        print("end", file=process.stdin)


WORKED_S = 0.2
WORK = f"import time\nwhile time.process_time() < {WORKED_S}: pass"
WORK_WITH_CHILD = f"""{WORK}
import subprocess, sys
subprocess.run([sys.executable, "-c", {WORK!r}])
print(flush=True)
input()
"""
HOST = f"""
import subprocess, sys
def child(code): return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child({WORK!r}).wait()
living = child({WORK_WITH_CHILD!r})
living.stdout.readline()
print(living.pid, flush=True)
input()
"""


@pytest.mark.process
def test_a_part_includes_its_children_even_ended_ones_except_those_that_are_parts() -> None:
    """One child of a process has worked and ended, and another has worked and lives, as has a child of that."""
    with psutil.Popen([sys.executable, "-c", HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
        pid = host.pid
        below = int(host.stdout.readline())
        parts = [Parts({"api": pid}), Parts({"api": pid, "push_service": below}), Parts({"host": pid})]
        whole_s, apart_s, supervised_s = (each.used_s() for each in parts)
        whole, apart, supervised = (each.resident_bytes() for each in parts)
        started = psutil.Process(below).memory_info().rss
        host.stdin.write("\n")
    assert whole_s["api_cpu_s"] >= 3 * WORKED_S - 4 * TICK_S
    assert whole_s["push_service_cpu_s"] == whole_s["store_cpu_s"] == whole["push_service_rss_bytes"] == 0
    assert not parts[0].has_store
    assert whole["api_rss_bytes"] > 1.5 * started
    assert apart_s["push_service_cpu_s"] >= 2 * WORKED_S - 2 * TICK_S
    assert apart_s["api_cpu_s"] >= WORKED_S - 2 * TICK_S
    assert apart_s["api_cpu_s"] + apart_s["push_service_cpu_s"] == pytest.approx(whole_s["api_cpu_s"], abs=WORKED_S / 4)
    assert min(apart.values()) > 0
    assert supervised_s["api_cpu_s"] >= 2.8 * WORKED_S, "a supervisor is counted apart from its children"
    assert 0 < supervised_s["supervisor_cpu_s"] < whole_s["api_cpu_s"] - supervised_s["api_cpu_s"] + WORKED_S / 4
    assert supervised["api_rss_bytes"] == pytest.approx(started, rel=0.05)


def test_a_descendant_that_ends_between_two_looks_does_not_end_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Mock(side_effect=psutil.NoSuchProcess(1))
    descendants = Mock(side_effect=[[Mock(pid=0, cpu_times=ended, memory_info=ended)], []] * 2)
    monkeypatch.setattr(psutil.Process, "children", lambda *_, recursive: descendants())
    parts = Parts({"api": os.getpid()})
    assert min(parts.used_s()["api_cpu_s"], parts.resident_bytes()["api_rss_bytes"]) > 0
    assert (descendants.call_count, ended.call_count) == (4, 2)


def test_every_process_belongs_to_a_part() -> None:
    roles = ("api", "api_2", "websocket_server", "push_service", "store", "proxy", "supervisor", "host")
    parts = ["push_service", "store", "proxy", "supervisor", "supervisor"]
    assert [part_of(role) for role in roles] == ["api"] * 3 + parts
