"""How the suite runs: async tests on asyncio, engines on demand, marked processes, hypothesis without deadlines.

Under pytest-xdist a worker runs whole files (`--dist loadgroup`), so that fixtures of a file are started once; the
groups that take longest start first. Missing engines are reported before the first test.
"""

import os
import signal
import sys
from collections.abc import Iterator

import grimp
import pytest
from hypothesis import settings

from clients.http_session import tls_context
from loadtests.harness.cores import LOCKS
from servers.links import FOLDER_VARIABLE, Link, issued_certificates
from tests.support.engines import Engines, what_is_missing

FIRST = (
    "measuring",  # all that reserve the cores, and so would wait for each other
    "tests/browser",
    "tests/loadtests/test_disturbances",
    "tests/loadtests/test_by_hand",
    "tests/notebooks/test_notebooks",
    "tests/test_further_transport",
    "conformance",
    "tests/conformance",
)
"""Prefixes of the groups that take longest: started late, they would prolong the run."""

FOLDERS = ("servers", "clients", "loadtests", "notebooks", "results")
START_OF_A_PROCESS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
"""Audit events of Python, see https://docs.python.org/3/library/audit_events.html."""

running_unmarked: list[str] = []
"""The test that runs, if it is not marked: it may start no process, since `make check` relies on the mark."""


def refuse_processes(event: str, args: tuple[object, ...]) -> None:
    if running_unmarked and event in START_OF_A_PROCESS:
        raise AssertionError(f"{running_unmarked[0]} starts a process ({event}): mark it with @pytest.mark.process")


sys.addaudithook(refuse_processes)
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers more than there are cores, at most six, since each often waits for servers and browsers."""
    return min(6, (os.cpu_count() or 1) + 2)


def pytest_sessionstart(session: pytest.Session) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so its children
    starts_none = "not process" in session.config.option.markexpr  # as `make check` writes it
    missing = "" if starts_none else what_is_missing()
    if missing:
        pytest.exit(missing, returncode=3)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    running_unmarked[:] = [] if item.get_closest_marker("process") else [item.nodeid]
    try:
        return (yield)
    finally:
        running_unmarked.clear()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist, which writes the groups into the items' ids
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests by file, and put the groups first that take longest."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(os.path.relpath(item.path, item.config.rootpath)))
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    marker = item.get_closest_marker("xdist_group")
    assert marker
    return next((rank for rank, name in enumerate(FIRST) if marker.args[0].startswith(name)), len(FIRST))


@pytest.fixture(scope="session", autouse=True)
def locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use locks of our own, so that measurements of this run wait only for each other."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCKS, str(folder))
        yield


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have all servers use the certificates of one folder, which clients of this process trust."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("certificates")))
        with issued_certificates(Link.TLS) as trusted:
            patch.setenv("SSL_CERT_FILE", trusted["authority"])
            tls_context.cache_clear()
            yield
    tls_context.cache_clear()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def graph() -> grimp.ImportGraph:
    """Return who imports whom, of ours and of others; nothing is imported here."""
    return grimp.build_graph(*FOLDERS, include_external_packages=True, cache_dir=None)


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    running = Engines()
    yield running
    running.close()
