"""Locust run by a person: what it prints, what it counts, and what it says when it cannot run.

Nothing here imports locust: it runs as a process, as it does for a person.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import psutil
import pytest
from rich.console import Console

from loadtests.accounts.cell import scheduled
from loadtests.accounts.samples import Samples
from loadtests.accounts.summary import Summary, summarise
from loadtests.harness.server_probe import serving
from loadtests.plan.hosts import address_problem
from loadtests.plan.schedule import schedule
from loadtests.plan.workload import OPTIONS as OPTIONS_OF_LOADS
from loadtests.plan.workload import Workload
from servers.deploy.child_process import free_port
from tests.support.deadline import DEADLINE_S
from tests.support.loadtest_rows import BOTH, samples, sent

ROOT = Path(__file__).parents[2]
LOCUST_FILE = ROOT / "loadtests/raw_websocket.py"
LOAD = Workload(users=8, room_size=4, rate_per_s=2.0, measured_s=1.0, poll_interval_s=0.5)
OPTIONS = ["--room-size", "4", "--rate-per-s", "2", "--measured-s", "1", "--poll-interval-s", "0.5"]
USERS = ["--users", "8", "--spawn-rate", "100"]

PARENT = """
import sys
import time

from servers.deploy.child_process import ChildProcess

locust = ChildProcess(sys.argv[1:])
locust.next_line(60)  # once all users have joined
print(flush=True)
time.sleep(600)
"""

SLOW_TO_LEAVE = """
import gevent
from locust import runners

from loadtests.raw_websocket import RawWebsocketUser

runners.WORKER_REPORT_INTERVAL = 0.1


class User(RawWebsocketUser):
    def leave(self):
        gevent.sleep(1.0)
        return super().leave()
"""
"""A Locust file whose users take a second to leave, in which their process reports ten times what they have sent."""


def command(*arguments: str, module: str = "locust", file: Path = LOCUST_FILE) -> list[str]:
    return [sys.executable, "-m", module, "-f", str(file), *arguments]


def master() -> list[str]:
    """Return the options for Locust's master and workers: a port of their own, on loopback."""
    port = str(free_port())
    return ["--master-port", port, "--master-bind-port", port, "--master-bind-host", "127.0.0.1"]


def by_hand(*arguments: str, module: str = "locust", file: Path = LOCUST_FILE) -> subprocess.CompletedProcess[str]:
    """Run Locust without a web interface, and return what a terminal would show as `stdout`."""
    return subprocess.run(
        command("--headless", "--only-summary", *arguments, module=module, file=file),
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=4 * DEADLINE_S,
    )


def requests_of(output: str) -> dict[str, int]:
    """Return Locust's first table: how many requests there were of each type and name."""
    table = output.partition("Response time percentiles")[0]
    rows = re.findall(r"^(.{8}) (\S.*?) +(\d+) +\d+\(\d+\.\d\d%\)", table, re.MULTILINE)
    return {f"{kind.strip()} {name}".strip(): int(count) for kind, name, count in rows}


@pytest.mark.parametrize(
    "host", [None, "", "127.0.0.1:8000", "localhost", "ftp://a", "http://a:x", "http://a,", "http://a/b"]
)
def test_an_invalid_address_is_refused_with_what_was_expected_and_what_to_do(host: str | None) -> None:
    assert address_problem("http://[::1]:1,http://localhost,http://a:2/", LOCUST_FILE) == ""
    problem = address_problem(host, LOCUST_FILE)
    assert "http://127.0.0.1:8000" in problem
    assert "-m servers raw_websocket" in problem


@pytest.mark.parametrize(
    "option", [{"room_size": 0}, {"measured_s": 0.0}, {"rate_per_s": -1.0}, {"bunch_s": float("nan")}]
)
def test_an_invalid_load_is_refused_with_the_name_of_its_option(option: dict[str, Any]) -> None:
    assert LOAD.problem == ""
    (name,) = option
    assert replace(LOAD, **option).problem.startswith(f"--{name.replace('_', '-')} ")


def lines_of(summary: Summary) -> list[str]:
    shown = StringIO()
    summary.show(Console(file=shown, width=100))
    return shown.getvalue().splitlines()


def test_a_summary_counts_deliveries_and_their_latency() -> None:
    (row,) = summarise([samples([sent(1)], BOTH)], 1).table.rows
    assert row.cells[:6] == ("message", "1", "2", "2", "0", "500")


@pytest.mark.parametrize(
    ("summary", "line", "adds_up"),
    [
        (summarise([samples([sent(1)], BOTH)], 1), "Everything that was sent came to everyone", True),
        (summarise([samples([sent(1)], BOTH[:1])], 1), "In the whole test, 1 deliveries were lost.", False),
        (summarise([samples([sent(1)], [*BOTH, BOTH[0]])], 1), "In the whole test, 1 deliveries came twice.", False),
        (summarise([samples([sent(1)], BOTH)], 2), "1 of 2 processes did not report", False),
        (summarise([samples([sent(1)], BOTH[:1])], 1, ended_s=106.0), "The test was stopped early", True),
        (summarise([], 1, ended_s=5.0, troubles=["nobody answers"]), "nobody answers", False),
    ],
)
def test_a_summary_says_whether_the_deliveries_add_up(summary: Summary, line: str, adds_up: bool) -> None:
    shown = lines_of(summary)
    assert any(each.startswith(line) for each in shown)
    assert summary.adds_up == adds_up
    assert any("were lost" in each for each in shown) == line.endswith("lost.")


@pytest.mark.process
def test_two_processes_by_hand_show_every_request_and_count_every_delivery(tmp_path: Path) -> None:
    file = tmp_path / "slow_to_leave.py"
    file.write_text(SLOW_TO_LEAVE)
    two = ["--processes", "2", *master(), "--record", str(tmp_path / "record")]
    with serving("raw_websocket", None, tmp_path / "server.log") as server:
        done = by_hand("--host", server.address, *two, *USERS, *OPTIONS, file=file)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith("{")]
    sends = LOAD.users + sum(len(schedule(LOAD, user)) for user in range(LOAD.users))  # everybody first sends once
    once_each = dict.fromkeys(["POST /login", "WS connect", "WS join", "WS leave"], LOAD.users)
    counts = requests_of(done.stdout)
    assert counts.pop("Aggregated") == sum(counts.values())
    assert counts == {**once_each, "WS send": sends}
    messages = len(scheduled(LOAD))
    due = messages * LOAD.room_size
    assert re.search(rf"^message +{messages} +{due} +{due} +0 +\d", done.stdout, re.MULTILINE), done.stdout
    assert "the test ends by itself" in done.stdout
    assert set(Samples.decoded((tmp_path / "record").read_bytes()).user_ids) == set(range(LOAD.users))


@pytest.mark.process
def test_a_comparisons_locust_ignores_settings_of_its_environment_and_of_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"LOCUST_HOST": "http://127.0.0.1:1", "LOCUST_RUN_TIME": "x", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".locust.conf").write_text("host=x")
    done = by_hand(module="loadtests.users.plain_locust")
    assert (done.returncode, "Traceback" in done.stdout) == (1, False)
    assert "locust: error: The host (--host) is missing" in done.stdout


@pytest.mark.process
def test_the_help_lists_every_option_of_a_load() -> None:
    shown = by_hand("--help", module="loadtests.users.plain_locust").stdout
    assert [name for name in OPTIONS_OF_LOADS if f"--{name.replace('_', '-')} " not in shown] == []


@pytest.mark.process
@pytest.mark.parametrize("generation", [0, 1], ids=["whoever started it", "Locust's master"])
def test_no_process_of_a_load_outlives_a_parent_that_is_killed(tmp_path: Path, generation: int) -> None:
    load = ["--headless", "--json-phases", "--measured-s", "600", "--processes", "2", *master(), *USERS, "--attached"]
    with serving("raw_websocket", None, tmp_path / "server.log") as server:
        locust = command("--host", server.address, *load, module="loadtests.users.plain_locust")
        with psutil.Popen([sys.executable, "-c", PARENT, *locust], cwd=ROOT, stdout=subprocess.PIPE) as parent:
            parent.stdout.readline()
            family = [parent, *parent.children(recursive=True)]
            family[generation].kill()
            _, alive = psutil.wait_procs(family[generation + 1 :], DEADLINE_S)
            for process in (parent, *alive):
                process.kill()
    assert (len(family), alive) == (4, [])


@pytest.mark.process
def test_without_a_server_one_message_reports_it_and_the_failures_are_counted() -> None:
    host = f"http://127.0.0.1:{free_port()}"
    done = by_hand("--host", host, *USERS, *OPTIONS)
    assert (done.returncode, "Traceback" in done.stdout) == (1, False)
    assert done.stdout.count(f"ERROR/loadtests: A user cannot join at {host}") == 1
    refused = requests_of(done.stdout)["POST /login"]
    assert 1 <= refused <= LOAD.users, "the test ends soon after the first refusal"
    assert re.search(rf"^{refused} +POST /login: .*refused", done.stdout, re.MULTILINE)


class Page(httpx.Client):
    """Locust's web interface, with the requests that its page sends."""

    def __init__(self, port: int, locust: subprocess.Popen[bytes], output: Path) -> None:
        super().__init__(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S, trust_env=False)
        self.locust = locust
        self._output = output

    def start(self, **fields: object) -> dict[str, Any]:
        return dict(self.post("/swarm", data={"user_count": LOAD.users, "spawn_rate": 100, **fields}).json())

    def start_soon(self, **fields: object) -> None:
        """Start a test as soon as the last one is over."""
        self._await(lambda: self.start(**fields)["success"])

    def await_state(self, state: str) -> None:
        """Wait until the page shows that state; it lags by up to 2 s."""
        self._await(lambda: self.get("/stats/requests").json()["state"] == state)

    def await_deliveries(self, measured_s: float) -> None:
        """Wait until all deliveries of a test of that duration are printed."""
        messages = len(scheduled(replace(LOAD, measured_s=measured_s)))
        self.await_output(rf"message +{messages} +{messages * LOAD.room_size} +{messages * LOAD.room_size} +0 ")

    def await_output(self, line: str) -> None:
        """Wait until Locust has printed a line that begins with that pattern."""
        self._await(lambda: re.search(f"^{line}", self._output.read_text(), re.MULTILINE) is not None)

    def _await(self, holds: Callable[[], bool]) -> None:
        deadline_s = monotonic() + DEADLINE_S
        while monotonic() < deadline_s:
            assert self.locust.poll() is None, "Locust has ended"
            with suppress(httpx.TransportError):
                if holds():
                    return
            sleep(0.05)  # the load that is measured needs this core
        raise AssertionError(self._output.read_text())


@contextmanager
def page(output: Path, *arguments: str) -> Iterator[Page]:
    """Run Locust with its web interface until the block ends; what a terminal would show goes to a file."""
    port = free_port()
    web = command("--web-host", "127.0.0.1", "--web-port", str(port), *master(), *arguments, *OPTIONS)
    with (
        output.open("w") as file,
        subprocess.Popen(web, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT) as locust,
    ):
        try:
            with Page(port, locust, output) as opened:
                yield opened
        finally:
            locust.terminate()


@pytest.mark.process
@pytest.mark.parametrize("processes", [[], ["--processes", "2"]], ids=["one process", "two processes"])
def test_each_load_that_the_web_interface_starts_delivers_everything(tmp_path: Path, processes: list[str]) -> None:
    with serving("raw_websocket", None, tmp_path / "log") as server, page(tmp_path / "out", *processes) as shown:
        shown.await_state("ready")

        start_soon = partial(shown.start_soon, host=server.address)
        start_soon(measuring_window_seconds=1)
        start_soon(measuring_window_seconds=1.5)
        shown.await_deliveries(1.5)
        start_soon(measuring_window_seconds=600)
        shown.await_state("running")
        assert not shown.start(host=server.address)["success"], "its users are fixed while it runs"
        shown.post("/stop")
        start_soon(measuring_window_seconds=2)
        shown.await_deliveries(2)


@pytest.mark.process
def test_the_web_interface_refuses_invalid_fields_and_a_load_that_fails_sets_the_exit_status(tmp_path: Path) -> None:
    with page(tmp_path / "out", "--exit-code-on-error", "0") as shown:
        shown.await_state("ready")
        html = shown.get("/").text
        assert "measuring_window_seconds" in html
        assert "bunch_s" not in html
        assert "The host (--host) is missing" in shown.start()["message"]
        refused = shown.start(host="http://127.0.0.1:1", users_per_room="x")
        assert "Users per room: expected a whole number" in refused["message"]
        assert shown.start(host="http://127.0.0.1:1")["success"]
        shown.await_output("Deliveries: none")
    assert shown.locust.returncode == 1
