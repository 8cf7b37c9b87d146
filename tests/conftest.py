"""How the suite runs: async tests on asyncio, engines on demand, and tests that start a process marked as such.

Under pytest-xdist a file is the unit that a worker takes (`--dist loadgroup`), so that what its tests share is started
once; the groups that take longest are begun first. What the tests need is looked for before the first of them.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loadtests.harness.cores import LOCKS
from tests.support.engines import Engines, what_is_missing

FIRST = (
    "measuring",
    "tests/browser",
    "tests/notebooks/test_notebooks",
    "tests/test_further_transport",
    "conformance",
    "tests/conformance",
)
"""The groups that take longest, by how their names begin: a worker that begins one late ends last."""

WORKERS_MAX = 6
START_OF_A_PROCESS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
"""Audit events of Python, see https://docs.python.org/3/library/audit_events.html."""


class ProcessGuard:
    """Refuses the start of a process while a test runs that is not marked: `make check` relies on the mark."""

    def __init__(self) -> None:
        self._unmarked = ""
        sys.addaudithook(self._on_event)

    @contextmanager
    def during(self, item: pytest.Item) -> Iterator[None]:
        self._unmarked = "" if item.get_closest_marker("process") else item.nodeid
        try:
            yield
        finally:
            self._unmarked = ""

    def _on_event(self, event: str, args: tuple[object, ...]) -> None:
        if self._unmarked and event in START_OF_A_PROCESS:
            raise AssertionError(f"{self._unmarked} starts a process ({event}): mark it with @pytest.mark.process")


guard = ProcessGuard()


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores, since each waits a good part of its time for servers and browsers."""
    return min(WORKERS_MAX, (os.cpu_count() or 1) + 1)


def pytest_sessionstart(session: pytest.Session) -> None:
    runs_processes = "not process" not in session.config.option.markexpr
    if runs_processes and (missing := what_is_missing()):
        pytest.exit(missing, returncode=3)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with guard.during(item):
        return (yield)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist, which writes the groups into the items' ids
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests by what they share, and put the groups first that take longest."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(os.path.relpath(item.path, item.config.rootpath)))
    items.sort(key=_turn)


def pytest_collection_finish(session: pytest.Session) -> None:
    """See in each worker that its tests are grouped: otherwise each would start again what its group shares."""
    if session.config.getoption("loadgroup", False):
        alone = [item.nodeid for item in session.items if "@" not in item.nodeid]
        assert not alone, f"pytest-xdist has not grouped {alone[0]}: does this release of pytest go with it?"


def _turn(item: pytest.Item) -> int:
    marker = item.get_closest_marker("xdist_group")
    assert marker
    return next((turn for turn, name in enumerate(FIRST) if marker.args[0].startswith(name)), len(FIRST))


@pytest.fixture(scope="session", autouse=True)
def locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the measurements of one run of the suite wait for each other, and for no other program's."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCKS, str(folder))
        yield


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    running = Engines()
    yield running
    running.close()
