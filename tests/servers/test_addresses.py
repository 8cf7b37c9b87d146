"""Names that are written in several ways, and proxies of the environment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx
import pytest
from starlette.responses import Response

from clients.chat_socket import ChatSocket
from clients.errors import ClientError
from clients.http_session import HttpSession, Options
from clients.pusher_socket import PusherSocket
from servers.addresses import is_loopback
from servers.core.auth import Identity, Tokens
from servers.core.errors import Unavailable
from servers.core.settings import Settings
from servers.core.wire import Send, ServiceAddress
from servers.deploy.separate_websocket_server.remote_api import Api
from servers.origin_middleware import OriginMiddleware
from servers.publisher import Publisher, PublishFailed, service_from_environment
from servers.transports import find
from tests.support.chat_harness import ChatHarness, deliver, serving
from tests.support.clock import FakeClock
from tests.support.deadline import DEADLINE_S

QUICK = Options(response_s=1.0)
Reach = Callable[[str], Awaitable[object]]


async def requested(
    host: str, origin: str = "", method: str = "GET", more: Mapping[str, str] | None = None
) -> httpx.Response:
    """Send a request to a server of two names that allows the pages of one origin."""
    settings = Settings(hosts=("Chat.example", "port.example:8443"), origins=("HTTPS://Pages.example:443",))
    transport = httpx.ASGITransport(OriginMiddleware(Response(), settings))
    headers = {"Host": host, **(more or {})} | ({"Origin": origin} if origin else {})
    async with httpx.AsyncClient(transport=transport, base_url="http://any.example") as http:
        return await http.request(method, "/", headers=headers)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("LocalHost:8000", "http://localhost:8000"),
        ("localhost.:8000", "HTTP://localhost:8000"),
        ("[::1]:8000", "http://[0:0:0:0:0:0:0:1]:8000"),
        ("chat.example.", "https://CHAT.example"),
        ("chat.example:443", "https://chat.example"),
        ("chat.example", "http://chat.example:80"),
        ("chat.example:9000", "https://pages.example."),
        ("port.example:8443", ""),
    ],
)
async def test_any_spelling_of_an_allowed_name_is_accepted(host: str, origin: str) -> None:
    response = await requested(host, origin)
    assert response.status_code == 200
    is_cross_origin = "pages" in origin
    assert response.headers.get("access-control-allow-origin") == (origin if is_cross_origin else None)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        *((host, "") for host in ("evil.example", "user@localhost", "localhost/chat.example", "::1", "port.example")),
        ("chat.example", "http://chat.example:8000"),
        ("chat.example:80", "https://chat.example"),
        ("chat.example", "chat.example"),
        ("chat.example", "http://pages.example"),
        ("chat.example", "null"),
    ],
)
async def test_another_name_port_or_scheme_is_refused(host: str, origin: str) -> None:
    assert (await requested(host, origin)).status_code == 403


async def test_a_page_of_an_allowed_origin_may_reconnect_and_poll_on_condition() -> None:
    wanted = "authorization, content-type, if-none-match, last-event-id"
    asking = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": wanted}
    assert (await requested("chat.example", "https://pages.example", "OPTIONS", asking)).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.8.0.1", True), ("::1", True), ("[::1]", True), ("LOCALHOST.", True), ("localhost.evil", False), ("", False)],
)
def test_loopback_is_recognised_by_name_and_address(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_push_service_at_an_ipv6_address_is_named_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"APP_ID": "1", "KEY": "key", "SECRET": "secret", "HOST": "::1", "PORT": "6001"}.items():
        monkeypatch.setenv(f"PUSHER_{name}", value)
    found = service_from_environment()
    assert (found.host, found.tls) == ("[::1]", False)
    assert found.url.startswith("ws://[::1]:6001/app/key?")


@pytest.mark.process
@pytest.mark.parametrize("slug", ["raw_websocket", "pusher_adapter"])
async def test_a_chat_on_loopback_of_ipv6_needs_no_proxy(monkeypatch: pytest.MonkeyPatch, slug: str) -> None:
    transport = find(slug)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(transport, "--host", "::1") as server:
        assert server.address.startswith("http://[::1]:")
        async with ChatHarness(transport, server.address).joined("Ada", "Bob") as (ada, bob):
            await deliver("hello", ada, bob)


@pytest.fixture
async def asked(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Return the first lines of all requests to the environment's proxy, which refuses each of them."""
    lines: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append((await reader.readline()).decode().rpartition(" ")[0])
        while (await reader.readline()).strip():
            pass
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for name in ("no_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        monkeypatch.setenv("PUSHER_APP_ID", "1")
        monkeypatch.setenv("PUSHER_SECRET", "secret")
        yield lines


def service_at(host: str) -> ServiceAddress:
    return ServiceAddress("key", "", host, 443, tls=not is_loopback(host))


async def publish(host: str) -> None:
    await Publisher(service_at(host)).publish("private-room-room", "page", "{}")


async def forward(host: str) -> object:
    api = Api(f"http://{host}", Tokens("secret", FakeClock(), 60))
    return await api.execute(Identity("ada", "Ada", 1 << 60), "room", Send("1", "hello"))


REACHES: list[tuple[Reach, str]] = [
    (lambda host: HttpSession(f"http://{host}", "room", QUICK).log_in("", ""), "GET http://{host}/health"),
    (lambda host: ChatSocket.connect(f"ws://{host}/rooms/room/socket", QUICK.response_s), "CONNECT {host}:80"),
    (lambda host: PusherSocket.connect(service_at(host), QUICK.response_s), "CONNECT {host}:443"),
    (publish, "CONNECT {host}:443"),
    (forward, "POST http://{host}/rooms/room/send"),
]


@pytest.mark.parametrize(("reach", "first_line"), REACHES)
@pytest.mark.parametrize(("host", "is_proxied"), [("chat.test", True), ("localhost", False)])
async def test_a_proxy_of_the_environment_is_used_for_other_machines_only(
    asked: list[str], reach: Reach, first_line: str, host: str, is_proxied: bool
) -> None:
    with pytest.raises((ClientError, PublishFailed, Unavailable)):
        await asyncio.wait_for(reach(host), DEADLINE_S)
    expected = [first_line.format(host=host)] if is_proxied else []
    assert [line.partition("?")[0] for line in asked] == expected
