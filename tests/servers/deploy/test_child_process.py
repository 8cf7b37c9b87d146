"""Child processes have ports of their own, and no line of theirs can hold up their parent."""

import sys

import pytest

from servers.deploy import child_process
from servers.deploy.child_process import ChildProcess, free_port
from tests.support.deadline import DEADLINE_S

pytestmark = pytest.mark.process


def python(code: str) -> ChildProcess:
    """Run code that goes on until its standard input closes."""
    return ChildProcess([sys.executable, "-c", f"import sys\n{code}\nsys.stdin.read()"])


def test_a_port_is_taken_until_the_process_that_asked_for_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    asks = "from servers.deploy.child_process import free_port\nprint('{\"port\": %d}' % free_port(), flush=True)"
    with python(asks) as other:
        port = other.next_line(DEADLINE_S)["port"]
        monkeypatch.setattr(child_process, "PORTS", range(port, port + 1))
        with pytest.raises(OSError, match=f"{port} are in use"):
            free_port()
    assert free_port() == port
