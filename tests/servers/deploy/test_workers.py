"""Several worker processes behind one port start, count, stop and are replaced like one server."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import Mock

import httpx
import psutil
import pytest

from servers import stats
from servers.core.errors import Unavailable
from servers.deploy.child_process import LOOPBACK, READY_S, ChildProcess, started
from servers.deploy.supervised_part import Part, Renewal
from servers.deploy.supervisor import Supervisor
from servers.listening_sockets import reusable_socket
from servers.stats import WorkerStats
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines
from tests.support.guest import until

CONNECTIONS = 200
pytestmark = pytest.mark.process


@pytest.fixture
def workers(engines: Engines) -> Iterator[ChildProcess]:
    """Run two workers over Redis."""
    command = ["servers", "raw_websocket", "--port", "0", "--workers", "2", "--store", engines.fresh_url("redis")]
    with started(command, env={"CHAT_SECRET": "secret"}) as running:
        yield running


def port_of(running: ChildProcess) -> int:
    return int(running.address.rpartition(":")[2])


def api_pids(running: ChildProcess) -> list[int]:
    return [pid for role, pid in running.facts["pids"].items() if role.startswith("api")]


def test_connections_are_divided_between_workers_and_any_worker_reports_the_sum(workers: ChildProcess) -> None:
    pids = workers.facts["pids"]
    assert set(pids) == {"api", "api_2", "supervisor"}
    assert pids["supervisor"] == workers.process.pid
    assert {psutil.Process(pid).ppid() for pid in api_pids(workers)} == {workers.process.pid}
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(socket.create_connection((LOOPBACK, port_of(workers)), DEADLINE_S))
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1000)  # so a worker has accepted it
        shares = [len(psutil.Process(pid).net_connections("tcp")) for pid in api_pids(workers)]
        for further in range(10):  # each on a connection of its own, which stays open
            http = stack.enter_context(httpx.Client(base_url=workers.address, trust_env=False, timeout=DEADLINE_S))
            assert http.get("/stats").json()["wire"]["connections_open"] == CONNECTIONS + further + 1
    assert min(shares) > CONNECTIONS / 4, shares  # seven standard deviations from an even deal


async def test_a_worker_that_dies_is_replaced_and_a_stop_is_handled_meanwhile(workers: ChildProcess) -> None:
    supervisor = psutil.Process(workers.process.pid)
    first, second = api_pids(workers)
    os.kill(second, signal.SIGKILL)

    def another() -> psutil.Process | None:
        """Return the new worker once it runs its own program: until then its parent waits for it."""
        others = (child for child in supervisor.children() if child.pid not in (first, second))
        return next((child for child in others if "--worker-folder" in child.cmdline()), None)

    new = await asyncio.to_thread(until, another)
    assert new
    new.suspend()  # so that it is not ready for as long as the test likes
    workers.process.send_signal(signal.SIGTERM)
    _, alive = await asyncio.to_thread(psutil.wait_procs, [psutil.Process(first)], READY_S / 2)
    new.resume()
    assert alive == []
    assert await asyncio.to_thread(workers.process.wait, DEADLINE_S) == 0


@pytest.mark.parametrize("renewal", [Renewal.STOP_FIRST, Renewal.OVERLAP])
def test_a_process_that_cannot_be_renewed_now_is_reported_and_tried_again(
    renewal: Renewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: list[str] = []
    spawn = Mock(side_effect=[None, OSError("no descriptors"), None])
    monkeypatch.setattr(Part, "spawn", spawn)
    with Supervisor(changes.append, handles_signals=False) as supervising:
        part = supervising.spawn("api", [], renewal)
        part.child = Mock()
        supervising._renew()
        supervising._restart_missing()
    assert changes == ["api did not start: no descriptors"]
    assert spawn.call_count == 3


async def test_a_stop_ends_every_worker_and_their_port_is_free_again_at_once(workers: ChildProcess) -> None:
    processes = [psutil.Process(pid) for pid in api_pids(workers)]
    port = port_of(workers)
    with socket.create_connection((LOOPBACK, port)):  # the workers close it first: it stays in TIME_WAIT
        workers.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(workers.process.wait, DEADLINE_S) == 0
    assert not any(process.is_running() for process in processes)
    with reusable_socket(LOOPBACK, port):
        pass


def test_a_port_on_which_another_program_listens_is_refused() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} of {LOOPBACK} is in use"):
            reusable_socket(LOOPBACK, port)


async def test_workers_do_not_outlive_a_parent_that_is_killed(workers: ChildProcess) -> None:
    processes = [psutil.Process(pid) for pid in api_pids(workers)]
    workers.process.kill()
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, DEADLINE_S)
    assert alive == []


async def test_a_silent_worker_makes_the_sum_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "QUERY_S", 0.05)
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.bind(str(tmp_path / "stopped.sock"))
        stopped.listen()
        with pytest.raises(Unavailable, match="another worker has not responded"):
            await WorkerStats(tmp_path, dict).total()


async def test_a_worker_that_is_killed_while_it_responds_counts_nothing(tmp_path: Path) -> None:
    async def respond(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"requests": {"se')
        writer.close()

    async with await asyncio.start_unix_server(respond, tmp_path / "killed.sock"):
        assert await WorkerStats(tmp_path, lambda: {"published": 3}).total() == {"published": 3}
