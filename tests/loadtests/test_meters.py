"""What is metered from outside the servers, also over a restart: the kernel's bytes, CPU time and memory."""

import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from copy import deepcopy
from struct import pack
from typing import Any

import psutil
import pytest

from loadtests.accounts.rows import Reconnection
from loadtests.accounts.wire_bytes import INFO_BYTES, WireBytes, disagreements, from_tcp_info
from loadtests.harness import server_probe
from loadtests.harness.parts import Parts, family_cpu_s, part_of
from loadtests.harness.restarts import NO_STORM, OUTLASTED, Storm
from loadtests.harness.server_probe import Probe, Server, ServerCounters
from tests.support.loadtest_rows import counted

linux = pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="TCP_INFO is Linux's, and so is less than a tick")
Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Ends:
    """Return a client's and a server's end of one connection, on which 100 bytes went up and 50 down."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    client.sendall(b"u" * 100)
    assert len(server.recv(100, socket.MSG_WAITALL)) == 100
    server.sendall(b"d" * 50)
    assert len(client.recv(50, socket.MSG_WAITALL)) == 50
    return client, server


@linux
@pytest.mark.parametrize("end", ["none", "the server's", "both", "a reset"])
def test_only_payload_is_counted(ends: Ends, end: str) -> None:
    client, server = ends
    with client, server:
        if end == "both":
            client.shutdown(socket.SHUT_WR)
            assert server.recv(1) == b""
        elif end == "a reset":
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        if end != "none":
            server.close()
            with pytest.raises(ConnectionResetError) if end == "a reset" else nullcontext():
                assert client.recv(1) == b""
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
        assert from_tcp_info(info, end_was_read=end in ("the server's", "both")) == (100, 50)


@linux
def test_bytes_that_wait_in_the_socket_count_as_sent(ends: Ends) -> None:
    client, server = ends
    with client, server:
        client.setblocking(False)
        written = 100
        try:
            while True:
                written += client.send(b"u" * 65_536)
        except BlockingIOError:
            info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
        assert from_tcp_info(info, end_was_read=False) == (written, 50)


def test_equal_counts_agree_and_so_does_a_generator_that_cannot_count() -> None:
    assert list(disagreements(counted(up=100, down=700), WireBytes(100, 700), WireBytes(1100, 1700))) == []
    assert list(disagreements(None, WireBytes(1, 1), WireBytes(1, 1))) == []


def test_counts_may_differ_by_what_passed_around_the_windows_ends_and_totals_not_at_all() -> None:
    client = counted(up=100, down=700, around=5)
    total = WireBytes(1100, 1700)
    assert list(disagreements(client, WireBytes(80, 720), total)) == []
    (message,) = disagreements(client, WireBytes(79, 700), total)
    assert message == (
        "in the window, the generator counted 100 bytes up and 700 down, and the servers 79 bytes up and 700 down, "
        "and 20 bytes up and 20 down passed around its ends"
    )
    for total in (WireBytes(1101, 1700), WireBytes(1100, 1699)):
        (message,) = disagreements(counted(up=100, down=700), WireBytes(100, 700), total)
        assert message.startswith("over all, the generator counted 1,100 bytes up and 1,700 down")


GOODBYE = """
from gevent import server, socket
from loadtests.users.socket_meter import SocketMeter

def answer_late(line, _):
    while line.recv(100):
        pass
    line.sendall(b"d" * 50)

listener = server.StreamServer(("127.0.0.1", 0), answer_late)
listener.start()
meter = SocketMeter()
meter.install()
line = socket.create_connection(listener.address)
line.sendall(b"u" * 100)
open_count = meter.total()
line.close()
print(open_count.up, *meter.total())
"""


@pytest.mark.process
@linux
def test_bytes_that_arrive_while_a_connection_closes_count() -> None:
    shown = subprocess.run([sys.executable, "-c", GOODBYE], check=True, capture_output=True, text=True, timeout=60)
    assert shown.stdout.split() == ["100", "100", "50"]


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
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None and process.stdout is not None

        def work() -> float:
            print(file=process.stdin)
            process.stdout.readline()  # type: ignore[union-attr]
            return family_cpu_s(psutil.Process(process.pid))

        before_s = work()
        assert 0.9 * BRIEFLY_S <= work() - before_s < 10 * BRIEFLY_S
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


@pytest.mark.process
def test_a_part_includes_its_children_even_ended_ones_except_those_that_are_parts() -> None:
    """One child of a process has worked and ended, and another has worked and lives."""
    host = subprocess.Popen([sys.executable, "-c", HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with host:
        assert host.stdin is not None and host.stdout is not None
        pid = host.pid
        below = int(host.stdout.readline())
        parts = [Parts({"api": pid}), Parts({"api": pid, "push_service": below}), Parts({"host": pid})]
        whole_s, apart_s, supervised_s = (each.used_s() for each in parts)
        whole, apart, supervised = (each.resident_bytes() for each in parts)
        started = psutil.Process(below).memory_info().rss
        host.stdin.write("\n")
    assert whole_s["api_cpu_s"] >= 2 * WORKED_S - 2 * TICK_S
    assert whole_s["push_service_cpu_s"] == whole_s["store_cpu_s"] == whole["push_service_rss_bytes"] == 0
    assert not parts[0].has_store
    assert whole["api_rss_bytes"] > 1.5 * started
    assert apart_s["push_service_cpu_s"] >= WORKED_S
    assert apart_s["api_cpu_s"] >= WORKED_S - 2 * TICK_S
    assert apart_s["api_cpu_s"] + apart_s["push_service_cpu_s"] == pytest.approx(whole_s["api_cpu_s"], abs=WORKED_S / 4)
    assert min(apart.values()) > 0
    assert supervised_s["api_cpu_s"] >= 1.8 * WORKED_S, "a supervisor is counted apart from its children"
    assert 0 < supervised_s["supervisor_cpu_s"] < whole_s["api_cpu_s"] - supervised_s["api_cpu_s"] + WORKED_S / 4
    assert supervised["api_rss_bytes"] == pytest.approx(started, rel=0.05)


def test_every_process_belongs_to_a_part() -> None:
    roles = ("api", "api_2", "websocket_server", "push_service", "store", "proxy", "supervisor", "host")
    parts = ["push_service", "store", "proxy", "supervisor", "supervisor"]
    assert [part_of(role) for role in roles] == ["api"] * 3 + parts


def test_the_counts_of_two_servers_add_up_over_a_restart_except_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server had counted before the measurement is left out."""
    wire = {"http": {"received": 10, "sent": 30}, "websocket": {"received": 100, "sent": 100}, "connections_open": 2}
    counted: dict[str, Any] = {
        at: {
            "requests": {"send": 0, "receive": 0, "upkeep": upkeep},
            "command_frames": 5,
            "empty_answers": 0,
            "wire": wire,
        }
        for at, upkeep in (("http://old", 8), ("http://new", 3))
    }
    monkeypatch.setattr(server_probe, "read_stats", lambda at, authority: deepcopy(counted[at]))
    probe = Probe(Server("http://old", "", {"api": os.getpid()}, {}), os.getpid(), ServerCounters)
    before = probe.read()
    counted["http://old"]["command_frames"] += 4
    probe.follow_restart(Server("http://new", "", {"api": os.getpid()}, {}), probe.read())
    counted["http://new"]["command_frames"] += 1
    spent = probe.difference(before, probe.read())
    assert spent["command_frames"] == 4 + (5 + 1), "of the old server since the first reading, and all of the new one"
    assert spent["requests_upkeep"] == 3
    assert spent["connections"] == 1
    assert spent["server_up_bytes"] == 110
    assert probe.difference(before, {**probe.read(), "connections": 0})["connections"] == 1, "read after all had left"


def test_a_storm_of_reconnections_is_timed_from_when_the_server_is_ready() -> None:
    returns = [Reconnection(0, 9.0, 9.9, 1), Reconnection(1, 9.0, 11.0, 2), Reconnection(2, 9.5, 13.0, 3)]
    found = Storm(ready_s=10.0, requests_before=5.0).figures(returns, {"requests_upkeep": 8.0})
    expected = {"returns": 3, "p50_s": 1.0, "p95_s": 2.8, "max_s": 3.0, "requests": 3.0}
    assert found == pytest.approx({f"storm_{name}": figure for name, figure in expected.items()})


def test_a_storm_that_outlasts_the_last_reading_is_doubtful() -> None:
    storm = Storm(ready_s=10.0, requests_before=5.0)
    returns = [Reconnection(0, 9.0, 11.0, 1), Reconnection(1, 9.0, 13.0, 2)]
    assert storm.doubts(returns, read_s=13.0) == []
    assert storm.doubts(returns, read_s=12.9) == [f"1 of 2 connections were back only after the window: {OUTLASTED}"]


def test_without_a_restart_the_columns_of_the_storm_are_zero() -> None:
    assert NO_STORM.doubts([Reconnection(0, 9.0, 11.0, 1)], read_s=10.0) == []
    assert set(NO_STORM.figures([], {"requests_upkeep": 8.0}).values()) == {0}
