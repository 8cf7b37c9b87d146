"""What every client says over plain HTTP: log in, join, read, heartbeat, commands.

Teaches that one kept-alive connection pool carries all of it, and that only two things can go wrong: the server
refuses, or the line is down.
"""

import ipaddress
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeVar

import httpx
from msgspec import Struct

from clients.chat_client import Options
from clients.errors import ConnectionLost, Refused
from servers.core.wire import (
    Account,
    Ack,
    Cursor,
    Event,
    Head,
    Heartbeat,
    Join,
    Leave,
    LogIn,
    Page,
    Refusal,
    Snapshot,
    SocketCommand,
    Undecodable,
    decode,
    encode,
)

Answer = TypeVar("Answer")
TOO_MANY_REQUESTS = 429


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, which no proxy of the environment should stand before."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def tls_context() -> ssl.SSLContext:
    """Return the one TLS context of this process: reading the certificate authorities takes 30 ms of CPU."""
    return httpx.create_ssl_context()


class Health(Struct, frozen=True):
    """What `GET /health` answers: the slug of the transport that is served."""

    transport: str


class HttpSession:
    """One connection of one user in one room. Every method raises Refused or ConnectionLost."""

    def __init__(self, base_url: str, room: str, options: Options) -> None:
        url = httpx.URL(base_url)
        self.base_url = str(url).rstrip("/")
        self.connection = secrets.token_hex(8)
        self.options = options
        self.room = room
        self.token = ""
        from_environment = not is_loopback(url.host)
        self._http = httpx.AsyncClient(
            base_url=url, timeout=options.answer_s, trust_env=from_environment, verify=tls_context()
        )

    async def log_in(self, transport: str, name: str, token: str = "") -> Account:
        """Take a display name; with the token of an earlier log-in, as the same user.

        A server of another transport is refused here: some pairs would seem to work, and ask without a pause.
        """
        served = (await self.get("/health", Health)).transport
        if served != transport:
            raise Refused("wrong_transport", f"the server speaks {served}")
        self.token = token
        account = await self._call("POST", "/login", Account, LogIn(name))
        self.token = account.token
        return account

    async def join(self) -> Snapshot:
        return await self._call("POST", f"/rooms/{self.room}/join", Snapshot, Join(self.connection))

    async def leave(self) -> None:
        await self._call("POST", f"/rooms/{self.room}/leave", Ack, Leave(self.connection))

    async def heartbeat(self) -> Head:
        return await self._call("POST", f"/rooms/{self.room}/heartbeat", Head, Heartbeat(self.connection))

    async def post(self, command: SocketCommand) -> Ack:
        kind = command.__struct_config__.tag
        return await self._call("POST", f"/rooms/{self.room}/{kind}", Ack, command)

    async def read(self, after: Cursor, timeout_s: float | None = None) -> Page:
        """Return what the server answers to the question for news; waits as long as the server does."""
        query = {"after": str(after), "connection": self.connection}
        path, timeout = f"/rooms/{self.room}/events", timeout_s or self.options.answer_s
        return await self._call("GET", path, Page, params=query, timeout=timeout)

    @asynccontextmanager
    async def stream(self, query: Mapping[str, str], headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """Ask for news, and open an answer that comes bit by bit; each bit may take as long as a held answer."""
        path, given = f"/rooms/{self.room}/events", {**headers, "Authorization": f"Bearer {self.token}"}
        timeout = httpx.Timeout(self.options.answer_s, read=self.options.hold_s)
        try:
            streaming = self._http.stream("GET", path, params=query, headers=given, timeout=timeout)
            async with streaming as response:
                if not response.is_success:
                    await response.aread()
                    raise refusal(response)
                yield response
        except httpx.TransportError as error:
            raise ConnectionLost(f"GET {path}: {type(error).__name__}: {error}") from error

    async def history(self, before: int, limit: int) -> list[Event]:
        query = {"before": before, "limit": limit}
        return await self._call("GET", f"/rooms/{self.room}/history", list[Event], params=query)

    async def get(self, path: str, kind: type[Answer]) -> Answer:
        return await self._call("GET", path, kind)

    async def post_form(self, path: str, form: dict[str, str], kind: type[Answer]) -> Answer:
        return await self._call("POST", path, kind, data=form)

    async def close(self) -> None:
        await self._http.aclose()

    async def _call(self, method: str, path: str, kind: type[Answer], body: object = None, **extra: Any) -> Answer:
        if body is not None:
            extra |= {"content": encode(body), "headers": {"Content-Type": "application/json"}}
        if self.token:
            extra["headers"] = {**extra.get("headers", {}), "Authorization": f"Bearer {self.token}"}
        try:
            response = await self._http.request(method, path, **extra)
        except httpx.TransportError as error:
            raise ConnectionLost(f"{method} {path}: {type(error).__name__}: {error}") from error
        if not response.is_success:
            raise refusal(response)
        try:
            return decode(response.content, type=kind)
        except Undecodable as error:
            raise ConnectionLost(f"{method} {path}: answered by something that is no chat server ({error})") from error


def refusal(response: httpx.Response) -> Refused | ConnectionLost:
    """Return the error that an unsuccessful answer stands for: not every answer is the chat server's own."""
    will_pass = response.status_code >= 500
    try:
        said = decode(response.content, type=Refusal)
    except Undecodable:
        said = Refusal("unavailable", f"{response.status_code} {response.reason_phrase}")
        will_pass |= response.status_code == TOO_MANY_REQUESTS  # a host before the server has no place for us just now
    return (
        ConnectionLost(f"{response.request.url.path}: {said.detail}") if will_pass else Refused(said.error, said.detail)
    )
