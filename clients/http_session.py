"""What every client does over plain HTTP: log in, join, read, send heartbeats and commands.

Teaches that one pool of kept-alive connections carries all requests, and that a request fails in one of two ways: the
server refuses, or the connection is lost.
"""

import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import quote

import anyio
import httpx
from msgspec import Struct

from clients.backoff import FIRST_S, MAX_S
from clients.errors import ConnectionLost, Refused
from servers.addresses import may_use_proxy
from servers.core import wire

Response = TypeVar("Response")
BROKEN = (httpx.TransportError, anyio.EndOfStream, OSError, ValueError)
"""What httpx raises for a broken connection. With httpcore 1.0.9, a broken TLS connection raises EndOfStream or an
OSError of ssl, and the request after one that was cancelled while it opened an HTTP/2 connection raises ValueError."""
SPEAKS_HTTP2 = find_spec("h2") is not None
"""Whether the TLS handshake offers HTTP/2: that needs the optional package h2."""
SETTINGS_MAX = 100  # frames during a request, each of which must be acknowledged: servers send one or two
TEMPORARY_STATUSES = frozenset((408, 425, 429))  # statuses with which a proxy refuses a request that may succeed later


@dataclass(frozen=True, slots=True)
class Options:
    """Durations in seconds. poll_s: a polling client sleeps this long after each response, from a random phase.

    response_s: timeout of a response. A connection counts as broken after `response_s` more than its server may be
    silent: the hold time of a poll, the ping interval of a stream or socket. gap_s: how long the client waits for a
    missing event before it reads. backoff_s and backoff_max_s: first and last limit of the random pauses between
    attempts to reconnect.
    """

    poll_s: float = 2.0
    response_s: float = 10.0
    gap_s: float = 0.25
    backoff_s: float = FIRST_S
    backoff_max_s: float = MAX_S


class ServerTimings(Struct, frozen=True):
    """What a server states in `/health`. hold_s: how long it holds a poll; ping_s: how often it sends on a socket."""

    transport: str = ""
    hold_s: float = 25.0
    ping_s: float = 20.0


@cache
def tls_context() -> ssl.SSLContext:
    """Return the one TLS context of this process: reading the certificate authorities takes 30 ms of CPU."""
    return httpx.create_ssl_context()


async def limit_settings(request: httpx.Request) -> None:
    """Have a request end its HTTP/2 connection when SETTINGS frames do not end: with each, a timeout begins anew."""
    count = 0

    async def note(name: str, _: Mapping[str, Any]) -> None:
        nonlocal count
        count += name == "http2.receive_remote_settings.started"
        if count > SETTINGS_MAX:
            request.extensions["timeout"] = {"read": 0.0, "write": 0.0}  # httpcore then gives the connection up
            if name.endswith(".failed"):
                raise httpx.RemoteProtocolError(f"the server sent more than {SETTINGS_MAX} SETTINGS frames")

    request.extensions["trace"] = note


class HttpSession:
    """The HTTP side of one user in one room. Every method raises Refused or ConnectionLost.

    timings: what the server states in `/health`, which the log-in reads; before that, the defaults.
    """

    def __init__(self, base_url: str, room: str, options: Options) -> None:
        url = httpx.URL(base_url)
        self.base_url = str(url).rstrip("/")
        self.connection = secrets.token_hex(8)
        self.options = options
        self.room = room
        self.room_path = f"/rooms/{quote(room, safe='')}"
        self.token = ""
        self.timings = ServerTimings()
        self._events_path = f"{self.room_path}/events"
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=options.response_s,
            trust_env=may_use_proxy(base_url),
            verify=tls_context(),
            http2=SPEAKS_HTTP2,
            event_hooks={"request": [limit_settings]},
        )

    async def log_in(self, transport: str, name: str, token: str = "") -> wire.Account:
        """Log in under a display name; with the token of an earlier log-in, as the same user.

        Raises Refused if the server runs another transport: some pairs would seem to work, and poll without a pause.
        """
        self.timings = await self.get("/health", ServerTimings)
        if self.timings.transport != transport:
            raise Refused("wrong_transport", f"the server speaks {self.timings.transport}")
        self.token = token
        account = await self.request("POST", "/login", wire.Account, wire.LogIn(name))
        self.token = account.token
        return account

    async def join(self) -> wire.Snapshot:
        return await self._post("join", wire.Snapshot, wire.Join(self.connection))

    async def leave(self) -> None:
        await self._post("leave", wire.Ack, wire.Leave(self.connection))

    async def heartbeat(self) -> wire.Head:
        return await self._post("heartbeat", wire.Head, wire.Heartbeat(self.connection))

    async def post(self, command: wire.SocketCommand) -> wire.Ack:
        return await self._post(str(command.__struct_config__.tag), wire.Ack, command)

    async def read(self, after: wire.Cursor, held_s: float = 0.0) -> wire.Page:
        """Read the page after a cursor; waits for as long as the server holds the request, at most `held_s`."""
        query = {"after": str(after), "connection": self.connection}
        timeout = held_s + self.options.response_s
        return await self.request("GET", self._events_path, wire.Page, params=query, timeout=timeout)

    @asynccontextmanager
    async def stream(self, query: Mapping[str, str], headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """Open a response that arrives in parts, each at most a ping interval and `response_s` after the last."""
        path = self._events_path
        timeout = httpx.Timeout(self.options.response_s, read=self.timings.ping_s + self.options.response_s)
        headers = {**headers, **self._authorization()}
        try:
            async with self._http.stream("GET", path, params=query, headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    await response.aread()
                    raise refusal(response)
                yield response
        except BROKEN as error:
            raise ConnectionLost(f"GET {path}: {type(error).__name__}: {error}") from error

    async def get(self, path: str, kind: type[Response]) -> Response:
        return await self.request("GET", path, kind)

    async def close(self) -> None:
        await self._http.aclose()

    async def _post(self, route: str, kind: type[Response], body: Struct) -> Response:
        return await self.request("POST", f"{self.room_path}/{route}", kind, body)

    async def request(
        self, method: str, path: str, kind: type[Response], body: Struct | None = None, **options: Any
    ) -> Response:
        """Send a request, and return its decoded response."""
        headers = self._authorization()
        if body is not None:
            options["content"] = wire.encode(body)
            headers["Content-Type"] = "application/json"
        try:
            response = await self._http.request(method, path, headers=headers, **options)
        except BROKEN as error:
            raise ConnectionLost(f"{method} {path}: {type(error).__name__}: {error}") from error
        if not response.is_success:
            raise refusal(response)
        try:
            return wire.decode(response.content, type=kind)
        except wire.Undecodable as error:
            raise ConnectionLost(f"{method} {path}: the response is not from a chat server ({error})") from error

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def refusal(response: httpx.Response) -> Refused | ConnectionLost:
    """Return the error that an unsuccessful response stands for; a proxy's response holds no refusal."""
    status = response.status_code
    try:
        error = wire.decode(response.content, type=wire.Refusal)
        is_temporary = status >= 500
    except wire.Undecodable:
        error = wire.Refusal("unavailable", f"{status} {response.reason_phrase}")
        is_temporary = status >= 500 or status in TEMPORARY_STATUSES
    after_s = error.retry_after_s or retry_after_s(response.headers)
    if is_temporary:
        return ConnectionLost(f"{response.request.url.path}: {error.detail}", after_s)
    return Refused(error.error, error.detail, after_s)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header; 0 if it is missing or a date (RFC 9110 section 10.2.3)."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() else 0.0
