"""What the comparison must know of nchan: how to start it here, what its counters tell, and where its manner shows.

What crosses the wire: nginx's `stub_status` and nchan's own, at both ends of the window, less what asking for them
costs. They tell requests, publications and connections; bytes and empty answers they do not tell.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from urllib.parse import urlsplit

from loadtests.accounts.cell import Reading
from loadtests.harness.children import Child, NotMeasured, running
from loadtests.harness.server_probe import ANSWER_S, READY_S, Server
from loadtests.plan.workload import HOLD_S
from loadtests.targets.target import OutsideProbe
from servers.deploy.engines import free_port

CONFIGURATION = Path(__file__).with_name("nginx.conf")
CONFIGURED = "127.0.0.1:8090"
MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
PACKAGES = CONFIGURATION.with_name("debian-packages.txt")
LOOK_S = 0.05
MANNER = (
    "nchan takes every message by POST, keeps its log in memory, and tells one message per answer: a poller asks again "
    "until there is none, so its requests grow with the messages."
)


class StatusProbe(OutsideProbe):
    """Adds to what the operating system tells what nginx counts."""

    def __init__(self, server: Server, generator_pid: int) -> None:
        super().__init__(server, generator_pid)
        self._address = server.address
        self._asked = 0

    def read(self) -> Reading:
        """Return all that has added up so far; waits for two answers."""
        publications, requests, connections = counters(self._address)
        self._asked += 2
        return {
            **super().read(),
            "requests_send": publications,
            "requests_receive": requests - publications - self._asked,
            "requests_upkeep": 0,
            "command_frames": 0,
            "publish_bytes": 0,
            "connections": connections - 1,
        }


def counters(address: str) -> tuple[int, int, int]:
    """Return the messages published, the requests made, this one included, and the connections open."""
    nchan, nginx = _ask(address, "/nchan-status")[0], _ask(address, "/status")[0]
    publications = nchan.partition("total published messages:")[2].split()[0]
    active, counted = nginx.splitlines()[0], nginx.splitlines()[2]
    return int(publications), int(counted.split()[2]), int(active.rpartition(":")[2])


def settings(address: str) -> dict[str, str | float]:
    """Return versions and the hold time, for the manifest; raises NotMeasured if nobody answers."""
    try:
        status, server = _ask(address, "/nchan-status")
    except OSError as error:
        raise NotMeasured(f"{address} does not answer ({error}): start it with\n  {how_to_start()}") from None
    return {"server": server, "nchan": status.partition("nchan version:")[2].strip(), "hold_s": HOLD_S}


def how_to_start() -> str:
    """Return the command that starts nginx as the measurement expects it."""
    return f"mkdir -p nginx-peer && nginx -p nginx-peer/ -c {CONFIGURATION}"


@contextmanager
def running_server(core: int | None, log: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Run nginx with nchan on one core and a free port until the block ends; yield its address and process."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None or not MODULE.exists():
        packages = PACKAGES.read_text(encoding="utf-8").strip()
        raise NotMeasured(f"nginx with nchan is not installed here; on Debian, as root: apt-get install {packages}")
    with TemporaryDirectory(prefix="nginx-peer-") as name:
        place = f"127.0.0.1:{free_port()}"
        configuration = Path(name, "nginx.conf")
        configuration.write_text(CONFIGURATION.read_text(encoding="utf-8").replace(CONFIGURED, place), encoding="utf-8")
        with running([nginx, "-p", f"{name}/", "-c", str(configuration)], core, log) as child:
            try:
                _await(f"http://{place}", child)
                yield f"http://{place}", (child.pid,)
            finally:
                child.terminate()  # unlike our servers, nginx does not watch its standard input


def _await(address: str, child: Child) -> None:
    """Wait until nginx answers; raises NotMeasured, with what nginx said, if it does not."""
    deadline_s = perf_counter() + READY_S
    while True:
        try:
            _ask(address, "/nchan-status")
        except OSError:
            if perf_counter() > deadline_s:
                raise child.failed(f"did not answer within {READY_S:g} s") from None
            sleep(LOOK_S)
        else:
            return


def _ask(address: str, path: str) -> tuple[str, str]:
    """Return the body of an answer and the server's name, asked for on a connection of its own; raises OSError."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=ANSWER_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"GET {path}: expected 200, got {answer.status}; see {CONFIGURATION.name} for what must be there")
    return body, answer.headers["Server"]
