"""nginx before a server, where TLS and HTTP/2 usually end: its work is counted apart from the server's.

What crosses the wire: TLS 1.3 with HTTP/2 to nginx, and HTTP/1.1 without TLS from nginx to the server, as the site
`servers/deploy/nginx/http2.conf` has it. nginx shares the servers' core, so the CPU times of the two add up.
"""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

from loadtests.harness.children import NotMeasured, running
from servers.deploy import engines
from servers.deploy.child_process import LOOPBACK, ChildProcess, free_port
from servers.links import Link, certificate_file, issued_certificates

SITES = Path(engines.__file__).with_name("nginx")
READY_S = 20.0
CHECK_S = 0.05


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running nginx. authority: the file with the certificate of the authority that signed nginx's own."""

    address: str
    pid: int
    authority: str


@contextmanager
def proxied(server: str, core: int | None, folder: Path) -> Iterator[Proxy]:
    """Run nginx in front of the server at an address until the block ends; raises NotMeasured.

    folder: for all that nginx writes.
    """
    program = engines.program("nginx")
    if program is None:
        raise NotMeasured("nginx is missing; Debian's package nginx has it")
    listen = f"{LOOPBACK}:{free_port()}"
    folder.mkdir()
    shutil.copy(SITES / "frame.conf", folder / "nginx.conf")
    site = (SITES / "http2.conf").read_text(encoding="utf-8")
    with issued_certificates(Link.H2) as trusted:
        site = site.replace("127.0.0.1:8001", server.removeprefix("http://"))
        site = site.replace("127.0.0.1:8443", listen)
        site = site.replace("server.pem", str(certificate_file()))
        (folder / "site.conf").write_text(site, encoding="utf-8")
        with running_nginx(program, folder, listen, core, folder / "nginx.log") as nginx:
            yield Proxy(f"https://{listen}", nginx.pid, trusted["authority"])


@contextmanager
def running_nginx(program: str, folder: Path, listen: str, core: int | None, log: Path) -> Iterator[ChildProcess]:
    """Run nginx with a folder's nginx.conf, from when it listens until the block ends; raises NotMeasured."""
    host, _, port = listen.partition(":")
    deadline_s = perf_counter() + READY_S
    command = ["setpriv", "--pdeathsig=TERM", "--", program, "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr"]
    with running(command, core, log) as nginx:
        try:
            while not _listens(host, int(port)):
                if perf_counter() > deadline_s:
                    raise nginx.failed(f"did not listen within {READY_S:g} s")
                sleep(CHECK_S)
            yield nginx
        finally:
            nginx.process.terminate()  # unlike our servers, nginx does not end when its standard input is closed


def _listens(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), CHECK_S):
        return True
    return False
