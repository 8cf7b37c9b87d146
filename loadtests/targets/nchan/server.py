"""nginx with nchan as a target: how it is started here, and how its counters are read.

What crosses the wire: nginx's `stub_status` and nchan's own, at both ends of the window, without these requests
themselves. They count requests, publications and connections, but neither bytes nor empty responses.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from loadtests.accounts.cell import Reading
from loadtests.harness.children import NotMeasured
from loadtests.harness.server_probe import COUNTED_BY_SERVERS, Server
from loadtests.harness.tls_proxy import running_nginx
from loadtests.plan.workload import HOLD_S
from servers.deploy import engines
from servers.deploy.child_process import free_port
from servers.stats import RESPONSE_S

CONFIGURATION = Path(__file__).with_name("nginx.conf")
CONFIGURED = "127.0.0.1:8090"
MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
PACKAGES = CONFIGURATION.with_name("debian-packages.txt")
CAVEAT = (
    "nchan accepts messages by POST only, keeps its log in memory, and returns one message per response: a poller "
    "polls again until there is none, so its requests grow with the messages."
)


class NginxCounters:
    """The counters of nginx and nchan, without the requests that read them."""

    def __init__(self, server: Server) -> None:
        self._address = server.address
        self._own_requests = 0

    def __call__(self) -> Reading:
        nchan, nginx = _get(self._address, "/nchan-status")[0], _get(self._address, "/status")[0]
        self._own_requests += 2
        publications = int(nchan.partition("total published messages:")[2].split()[0])
        active, _, counted, *_ = nginx.splitlines()
        return {
            **dict.fromkeys(COUNTED_BY_SERVERS, nan),
            "requests_send": publications,
            "requests_receive": int(counted.split()[2]) - publications - self._own_requests,
            "requests_upkeep": 0,
            "command_frames": 0,
            "publish_bytes": 0,
            "connections": int(active.rpartition(":")[2]) - 1,
        }


def settings(address: str) -> dict[str, str | float]:
    """Return versions and the hold time, for the manifest; raises OSError."""
    status, server = _get(address, "/nchan-status")
    return {"server": server, "nchan": status.partition("nchan version:")[2].strip(), "hold_s": HOLD_S}


@contextmanager
def running_server(core: int | None, log: Path) -> Iterator[tuple[str, int]]:
    """Run nginx with nchan on one core and a free port until the block ends; yield its address and process."""
    program = engines.program("nginx")
    if program is None or not MODULE.exists():
        packages = PACKAGES.read_text(encoding="utf-8").strip()
        raise NotMeasured(f"nginx with nchan is not installed here; on Debian, as root: apt-get install {packages}")
    with TemporaryDirectory(prefix="nginx-nchan-") as name:
        address = f"127.0.0.1:{free_port()}"
        configured = CONFIGURATION.read_text(encoding="utf-8").replace(CONFIGURED, address)
        Path(name, "nginx.conf").write_text(configured, encoding="utf-8")
        with running_nginx(program, Path(name), address, core, log) as nginx:
            yield f"http://{address}", nginx.pid


def _get(address: str, path: str) -> tuple[str, str]:
    """Return the body of a response and the server's name, over a connection of its own; raises OSError."""
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=RESPONSE_S)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
    if response.status != 200:
        raise OSError(f"GET {path}: expected 200, got {response.status}; {CONFIGURATION.name} shows what is needed")
    return body, response.headers["Server"]
