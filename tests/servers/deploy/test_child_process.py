"""Child processes have ports of their own, and nothing that they print holds up their parent."""

import sys
from collections import deque
from pathlib import Path

import pytest

from servers.deploy import child_process
from servers.deploy.child_process import ChildFailed, ChildProcess, free_port
from servers.deploy.empty_database import _run
from servers.deploy.engines import NotStarted
from servers.deploy.supervised_part import Part, Renewal
from servers.deploy.supervisor import Supervisor
from tests.support.deadline import DEADLINE_S

pytestmark = pytest.mark.process
CLOSE_OUTPUT = "sys.stdout.close(); os.close(1)"


def python(code: str) -> ChildProcess:
    """Run code, and go on until standard input closes. Buffered, each `print` is one write."""
    command = [sys.executable, "-c", f"import os, sys\n{code}\nsys.stdin.read()"]
    return ChildProcess(command, {"PYTHONUNBUFFERED": ""})


def test_a_port_is_taken_until_the_process_that_asked_for_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    asks = "from servers.deploy.child_process import free_port\nprint('{\"port\": %d}' % free_port(), flush=True)"
    with python(asks) as other:
        port = other.next_line(DEADLINE_S)["port"]
        monkeypatch.setattr(child_process, "PORTS", range(port, port + 1))
        with pytest.raises(OSError, match=f"{port} are in use"):
            free_port()
    assert free_port() == port


def test_only_the_latest_ports_of_a_process_stay_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "MARKS_MAX", 1)
    monkeypatch.setattr(child_process, "_marks", deque())
    first, second = free_port(), free_port()
    monkeypatch.setattr(child_process, "PORTS", [second])
    with pytest.raises(OSError, match=f"{second} are in use"):
        free_port()
    monkeypatch.setattr(child_process, "PORTS", [first])
    assert free_port() == first


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os.write(1, b'{')", "printed no line for 0.1 s"),
        ("os.write(1, b'redis://chat:secret@host\\n')", "expected a line with a JSON object, got b'redis://host"),
        ("os.write(1, b'{\"port\": 1}\\n')", "expected a ready line with an address, got {'port': 1}"),
        (CLOSE_OUTPUT, "still ran after 0.1 s"),
    ],
)
def test_a_child_without_a_ready_line_fails(code: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "STOP_S", 0.1)
    with python(code) as child:
        assert child.has_output(DEADLINE_S)
        with pytest.raises(ChildFailed, match=reason) as failed:
            child.await_ready(0.1)
    assert "secret" not in str(failed.value)


def test_a_line_that_has_begun_in_time_is_awaited() -> None:
    with python("os.write(1, b'{\"port\": '); sys.stdin.readline(); os.write(1, b'1}\\n')") as child:
        assert child.has_output(DEADLINE_S)
        assert child.next_line(0, on_tick=lambda: child.write_line("")) == {"port": 1}


def test_a_supervisor_waits_for_the_ready_line_and_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def spawn(part: Part) -> None:
        prints = "os.write(1, b'hello\\n[]\\n{'); sys.stdin.readline(); os.write(1, b'\"address\": 1}\\n')"
        part.successor = python(f"{prints}; {CLOSE_OUTPUT}")

    changes: list[str] = []
    monkeypatch.setattr(Part, "spawn", spawn)
    with Supervisor(changes.append, handles_signals=False) as supervising:
        part = supervising.spawn("api", [], Renewal.NEVER)
        child = part.successor
        assert child
        assert child.has_output(DEADLINE_S)
        for _ in ("hello", "[]", "{"):
            supervising._on_output(part, child)
        assert changes == []
        child.write_line("")
        for _ in ("the rest", "the end"):
            assert child.has_output(DEADLINE_S)
            supervising._on_output(part, child)
    assert changes == ["api started", "api ended with status 0"]


def test_what_a_process_writes_is_quoted_without_passwords(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo redis://chat:secret@host >&2; exit 1"]
    with ChildProcess(command, log=tmp_path / "server.log") as child:
        child.wait(DEADLINE_S)
    assert str(child.failed("ended")) == "server ended\n  redis://host"
    with pytest.raises(NotStarted, match="sh: redis://host"):
        _run(*command)
