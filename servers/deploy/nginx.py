"""Run a real nginx in front of several servers: `with balancer("long_polling", upstreams) as address`.

Teaches which settings a proxy needs for each way of waiting, since its defaults are made for short responses. The
configurations beside this module, `nginx/<slug>.conf`, are sites as one would install them; only their addresses are
changed to run one here. A transport without a site of its own takes that of one whose clients read and send alike.
Leaves out TLS, and installing nginx (Debian's package nginx).
"""

import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from servers.deploy import engines
from servers.deploy.engines import HOST, NotStarted, free_port, give_to_engines, unprivileged
from servers.transports import TRANSPORTS, Commands, Reads, Transport, find

SITES = Path(__file__).with_name("nginx")
READY_S = 10.0
STOP_S = 5.0
POLL_S = 0.02


@contextmanager
def balancer(
    slug: str,
    upstreams: Sequence[str],
    instead: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run nginx with the site of a transport until the block ends; yield its address.

    `upstreams` are the addresses of the chat servers.
    `instead` replaces lines of the site, to shorten a duration, or to see what a line is for. Raises NotStarted.
    """
    listen = f"{HOST}:{free_port()}"
    program = engines.program("nginx")
    if program is None:
        raise NotStarted("nginx: not found; install Debian's package nginx")
    site = rendered(slug, listen, upstreams, instead or {})
    with TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        give_to_engines(folder)
        shutil.copy(SITES / "frame.conf", folder / "nginx.conf")
        (folder / "site.conf").write_text(site, encoding="utf-8")
        command = [program, "-p", f"{name}/", "-c", "nginx.conf", "-e", "error.log"]
        with subprocess.Popen([*unprivileged(signal.SIGTERM), *command], stdin=subprocess.DEVNULL) as nginx:
            try:
                _await(listen, nginx, folder / "error.log")
                yield f"http://{listen}"
            finally:
                nginx.terminate()  # at once: its connections need not end first
                nginx.wait(STOP_S)


def site_of(transport: Transport) -> Path:
    """Return the configuration for a transport: its own, or that of one whose clients read and send alike."""

    def traffic(row: Transport) -> tuple[Reads, Commands, bool]:
        return row.reads, row.commands, row.needs_push_service

    alike = (row for row in TRANSPORTS if traffic(row) == traffic(transport))
    sites = [SITES / f"{row.slug}.conf" for row in (transport, *alike)]
    return next((site for site in sites if site.exists()), sites[0])


def rendered(slug: str, listen: str, upstreams: Sequence[str], instead: Mapping[str, str]) -> str:
    """Return a transport's site with these addresses; raises ValueError if it has no such line or upstream."""
    site = site_of(find(slug)).read_text(encoding="utf-8")
    site, listens = re.subn(r"(?<=listen )[\d.:]+(?=;)", listen, site)
    if listens != 1:
        raise ValueError(f"{slug}.conf: expected one address to listen on, found {listens}")
    servers = "".join(f"    server {address.removeprefix('http://')};\n" for address in upstreams)
    site, found = re.subn(r"(upstream chat {[^}]*?\n)(?:    server .*;\n)+", rf"\g<1>{servers}", site)
    if found != 1:
        raise ValueError(f"{slug}.conf: expected one upstream chat, found {found}")
    for line, other in instead.items():
        if line not in site:
            raise ValueError(f"{slug}.conf: has no {line!r} to replace")
        site = site.replace(line, other)
    return site


def _await(listen: str, nginx: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until nginx accepts connections; raises NotStarted with its error log if it does not."""
    host, _, port = listen.partition(":")
    deadline_s = time.monotonic() + READY_S
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1.0).close()
        except OSError:
            if nginx.poll() is not None or time.monotonic() > deadline_s:
                output = log.read_text(encoding="utf-8") if log.exists() else ""
                raise NotStarted(f"nginx does not listen on {listen}\n{output[-2000:]}") from None
            time.sleep(POLL_S)
        else:
            return
