"""A real nginx in front of several servers: `with balancer("long_polling", upstreams) as address`.

Teaches how to test a configuration: replace one of its lines, and see what the line is for. The configurations,
`servers/deploy/nginx/<slug>.conf`, are sites as one would install them; apart from that, only their addresses are
changed. A transport without a site of its own takes that of one whose clients read and send alike.
Leaves out TLS.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

from loadtests.harness.tls_proxy import running_nginx
from servers.deploy import engines
from servers.deploy.child_process import LOOPBACK, ChildProcess, free_port
from servers.transports import TRANSPORTS, Transport, find
from tests.support.guest import Guest, guest

SITES = Path(__file__).parents[2] / "servers" / "deploy" / "nginx"


@contextmanager
def balancer(slug: str, upstreams: Sequence[str], instead: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run nginx with the site of a transport until the block ends; yield its address.

    `upstreams` are the addresses of the chat servers. `instead` replaces lines of the site, to shorten a duration, or
    to see what a line is for.
    """
    listen = f"{LOOPBACK}:{free_port()}"
    program = engines.program("nginx")
    assert program, "nginx is missing; install Debian's package nginx"
    with TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        folder.chmod(0o777)  # started by root, nginx serves as another user, who writes long bodies here
        shutil.copy(SITES / "frame.conf", folder / "nginx.conf")
        (folder / "site.conf").write_text(rendered(slug, listen, upstreams, instead or {}), encoding="utf-8")
        with running_nginx(program, folder, listen, None, folder / "nginx.log"):
            yield f"http://{listen}"


@contextmanager
def visited(server: ChildProcess, instead: Mapping[str, str] | None = None) -> Iterator[Guest]:
    """Join through nginx, with the site of the server's transport, and the server as both of its upstreams."""
    slug = str(server.facts["transport"])
    with balancer(slug, [server.address] * 2, instead=instead) as address, guest(address) as ada:
        yield ada


def site_of(transport: Transport) -> Path:
    """Return the configuration for a transport: its own, or that of one whose clients read and send alike."""
    traffic = attrgetter("reads", "commands", "needs_push_service")
    alike = (row for row in TRANSPORTS if traffic(row) == traffic(transport))
    sites = [SITES / f"{row.slug}.conf" for row in (transport, *alike)]
    return next((site for site in sites if site.exists()), sites[0])


def rendered(slug: str, listen: str, upstreams: Sequence[str], instead: Mapping[str, str]) -> str:
    """Return a transport's site with these addresses, and with these lines of it replaced."""
    site = site_of(find(slug)).read_text(encoding="utf-8")
    site, listens = re.subn(r"(?<=listen )[\d.:]+(?=;)", listen, site)
    servers = "".join(f"    server {address.removeprefix('http://')};\n" for address in upstreams)
    site, found = re.subn(r"(upstream chat {[^}]*?\n)(?:    server .*;\n)+", rf"\g<1>{servers}", site)
    assert (listens, found) == (1, 1), f"{slug}.conf: expected one address to listen on, and one upstream chat"
    for line, other in instead.items():
        assert line in site, f"{slug}.conf: has no {line!r} to replace"
        site = site.replace(line, other)
    return site
