"""A real nginx before real servers: each transport's site works, and what breaks without some of its lines."""

import asyncio
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from socketserver import BaseRequestHandler
from tempfile import TemporaryDirectory
from time import monotonic

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from servers.core.settings import Settings
from servers.core.wire import Kind
from servers.deploy.child_process import ChildProcess
from servers.transports import TRANSPORTS, Transport, find
from tests.support.chat_harness import HOLD_S, ChatHarness, events, serving
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines
from tests.support.guest import Guest, guest, stats, until
from tests.support.nginx import SITES, balancer, site_of, visited
from tests.support.pusher_process import push_service, service_settings
from tests.support.shortest_harness import http_server

pytestmark = pytest.mark.process
EACH = 5
POLLS = 40
GIVES_UP = "proxy_read_timeout 1500ms"
PATIENCE_S = 1.0


def addresses(servers: Sequence[ChildProcess]) -> list[str]:
    return [server.address for server in servers]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, ChildProcess]]:
    """Run one server of each transport that needs no push service, and one that holds polls for a minute."""
    given = {row.slug: (row, "--ping", "20") for row in TRANSPORTS if not row.needs_push_service}
    given["patient"] = (find("long_polling"), "--hold", "600")
    with ExitStack() as stack:
        yield {name: stack.enter_context(serving(*arguments)) for name, arguments in given.items()}


@contextmanager
def two_servers(transport: Transport, engines: Engines) -> Iterator[list[ChildProcess]]:
    """Run two servers over one store; and, if they publish, the push service that both of them use."""
    env: dict[str, str] = {}
    with ExitStack() as stack:
        if transport.needs_push_service:
            env = service_settings(stack.enter_context(push_service()).address)
        store = engines.fresh_url("redis")
        yield [stack.enter_context(serving(transport, "--store", store, env=env)) for _ in range(2)]


def test_every_transport_has_a_site() -> None:
    assert {path.stem for path in SITES.glob("*.conf")} <= {row.slug for row in TRANSPORTS} | {"frame", "http2"}
    assert all(site_of(row).is_file() for row in TRANSPORTS)
    assert site_of(replace(find("server_sent_events"), slug="further")) == SITES / "server_sent_events.conf"


def test_nginx_waits_longer_than_a_server_is_silent() -> None:
    held_s, two_pings_s = Settings().hold_s, 2 * Settings().ping_s
    silences_s = {"long_polling": held_s, "http2": held_s}
    silences_s |= {"raw_websocket": two_pings_s, "server_sent_events": two_pings_s}
    for name, silence_s in silences_s.items():
        (read_s,) = re.findall(r"proxy_read_timeout (\d+)s;", (SITES / f"{name}.conf").read_text(encoding="utf-8"))
        assert float(read_s) > silence_s, name


def test_polls_share_connections_to_the_server(servers: dict[str, ChildProcess]) -> None:
    server = servers["short_polling"]
    with visited(server) as ada:
        before = stats(server.address)["wire"]["connections_opened"]
        for _ in range(POLLS):
            ada.poll().raise_for_status()
        after = stats(server.address)["wire"]["connections_opened"]
    assert after - before - 1 <= 1  # less that of the last request


def test_a_poll_is_held_for_the_whole_hold_time(servers: dict[str, ChildProcess]) -> None:
    with visited(servers["long_polling"]) as ada:
        sent_s = monotonic()
        assert ada.poll().raise_for_status().json()["events"] == []
        assert monotonic() - sent_s >= HOLD_S


def test_nginx_ends_what_is_silent_for_longer_than_its_site_allows(servers: dict[str, ChildProcess]) -> None:
    with visited(servers["patient"], {"proxy_read_timeout 40s": GIVES_UP}) as ada:
        assert ada.poll().status_code == 504
    impatient = {"proxy_read_timeout 50s": GIVES_UP}
    with visited(servers["raw_websocket"], impatient) as ada, ada.socket() as socket, pytest.raises(ConnectionClosed):
        while True:
            socket.recv(DEADLINE_S)


def test_a_client_that_hangs_up_ends_its_held_poll_at_the_server_too(servers: dict[str, ChildProcess]) -> None:
    server = servers["patient"]
    with visited(server) as ada:
        idle = stats(server.address)["wire"]["connections_open"]
        ada.http.timeout = httpx.Timeout(PATIENCE_S)
        with pytest.raises(httpx.ReadTimeout):
            ada.poll()
        until(lambda: stats(server.address)["wire"]["connections_open"] < idle)


@pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda transport: transport.slug)
async def test_a_conversation_crosses_two_servers_and_nginx(transport: Transport, engines: Engines) -> None:
    with two_servers(transport, engines) as servers, balancer(transport.slug, addresses(servers)) as address:
        room = f"room-{secrets.token_hex(4)}"
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(await ChatHarness(transport, at, room).log_in("Ada"))
                for at in (*addresses(servers), address, address)
            ]
            for n in range(EACH):
                await asyncio.gather(*(client.send(f"{client.account.name} {n}") for client in clients))
            logs = [await events(client, EACH * len(clients), Kind.MESSAGE) for client in clients]
        assert len({event.body for event in logs[0]}) == EACH * len(clients)
        assert all(log == logs[0] for log in logs)


@pytest.mark.parametrize(
    ("instead", "status"), [({}, 200), ({"proxy_next_upstream error timeout non_idempotent;": ""}, 502)]
)
def test_a_send_to_a_server_that_dies_is_retried_where_the_site_allows_it(
    instead: dict[str, str], status: int, servers: dict[str, ChildProcess]
) -> None:
    class Dying(BaseRequestHandler):
        """Reads a request, and closes the connection in place of a response."""

        def handle(self) -> None:
            self.request.recv(65_536)

    server = servers["short_polling"]
    with (
        http_server(Dying) as dying,
        balancer("short_polling", [dying, server.address], instead=instead) as address,
        guest(server.address) as ada,
    ):
        ada.http.base_url = address
        assert {ada.send(f"id-{n}").status_code for n in range(2)} == {200, status}  # nginx takes turns


UNREAD = 600  # events of 24 KB each: more than the sockets in between take
GZIP_OFF, BUFFERING_OFF = "gzip off;", "proxy_buffering off;"
GZIP_ON = "gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 0; "
IGNORES_HEADER = "proxy_ignore_headers X-Accel-Buffering;"


def received_at_once(ada: Guest, patience_s: float) -> bool:
    """Return whether the next event of a stream arrives before the stream ends."""
    ada.http.timeout = httpx.Timeout(patience_s)
    try:
        with closing(ada.http.send(ada.events_request, stream=True)) as stream:
            lines = stream.iter_lines()
            next(lines)
            ada.send("1").raise_for_status()
            return any("hello" in line for line in lines)
    except httpx.ReadTimeout:
        return False


def test_compression_delays_events_unless_buffering_is_forbidden(servers: dict[str, ChildProcess]) -> None:
    """A buffer alone delays no small event (nginx 1.22): it passes on what it has when there is no more to read."""
    settings = {
        "both": {GZIP_OFF: GZIP_ON},
        "the site": {GZIP_OFF: GZIP_ON + IGNORES_HEADER},
        "the server": {GZIP_OFF: GZIP_ON, BUFFERING_OFF: ""},
        "neither": {GZIP_OFF: GZIP_ON + IGNORES_HEADER, BUFFERING_OFF: ""},
        "neither, and nothing is compressed": {GZIP_OFF: IGNORES_HEADER, BUFFERING_OFF: ""},
    }
    received = {}
    for name, instead in settings.items():
        with visited(servers["server_sent_events"], instead) as ada:
            received[name] = received_at_once(ada, PATIENCE_S if name == "neither" else DEADLINE_S)
    assert received == {name: name != "neither" for name in settings}


def test_nginx_reads_ahead_of_a_lagging_reader_only_if_it_buffers(servers: dict[str, ChildProcess]) -> None:
    """The server must see that a client lags: then it stops pushing to it, and keeps nothing for it."""

    def read_ahead(instead: dict[str, str]) -> bool:
        with TemporaryDirectory(prefix="nginx-log-") as name:
            folder = Path(name)
            folder.chmod(0o777)  # nginx runs as somebody else
            logged = {GZIP_OFF: f"error_log {folder}/error.log warn; {instead.get(GZIP_OFF, '')}"}
            with (
                visited(servers["server_sent_events"], {**instead, **logged}) as ada,
                closing(ada.http.send(ada.events_request, stream=True)),
                guest(str(ada.http.base_url), ada.room) as bob,
            ):
                for n in range(UNREAD):
                    bob.send(f"{n}", text="\x01" * 4096).raise_for_status()
                    if "upstream response is buffered to a temporary file" in (folder / "error.log").read_text():
                        return True
        return False

    assert read_ahead({GZIP_OFF: IGNORES_HEADER, BUFFERING_OFF: ""})
    assert not read_ahead({GZIP_OFF: IGNORES_HEADER})
