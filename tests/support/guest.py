"""A user of plain HTTP and bare sockets, for what no client of ours would do: `with guest(address) as ada`."""

import asyncio
import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from clients.http_session import tls_context
from servers.core.wire import Cursor, Snapshot, decode
from tests.support.deadline import DEADLINE_S

Value = TypeVar("Value")


@dataclass(frozen=True)
class Guest:
    """A user who has joined a room, and got this cursor."""

    http: httpx.Client
    name: str
    room: str
    token: str
    cursor: Cursor

    @property
    def events_request(self) -> httpx.Request:
        """The request for the events after the cursor."""
        query = {"after": str(self.cursor), "connection": "c"}
        return self.http.build_request("GET", f"/rooms/{self.room}/events", params=query)

    def poll(self) -> httpx.Response:
        return self.http.send(self.events_request)

    def post(self, command: str, **fields: object) -> httpx.Response:
        return self.http.post(f"/rooms/{self.room}/{command}", json={"connection": "c", **fields})

    def send(self, client_id: str, text: str = "hello") -> httpx.Response:
        return self.post("send", client_id=client_id, text=text)

    def online(self) -> set[str]:
        """Return the names of those who are online, as a further join shows them."""
        return {member["name"] for member in self.post("join").json()["members"] if member["online"]}

    @contextmanager
    def socket(self, **options: Any) -> Iterator[ClientConnection]:
        """Open a WebSocket, and join by it."""
        with bare_socket(str(self.http.base_url), self.room, **options) as opened:
            opened.send(json.dumps({"type": "join", "connection": "c", "token": self.token}))
            assert receive(opened)["type"] == "snapshot"
            yield opened


@contextmanager
def guest(address: str, room: str = "") -> Iterator[Guest]:
    """Log in under a name of its own, and join a room: a fresh one, if none is given."""
    name = f"Ada-{secrets.token_hex(3)}"
    room = room or f"room-{secrets.token_hex(4)}"
    with httpx.Client(base_url=address, trust_env=False, timeout=DEADLINE_S, verify=tls_context()) as http:
        token = http.post("/login", json={"name": name}).raise_for_status().json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        joined = http.post(f"/rooms/{room}/join", json={"connection": "c"}).raise_for_status()
        yield Guest(http, name, room, token, decode(joined.content, type=Snapshot).cursor)


def stats(address: str) -> dict[str, Any]:
    """Return what a server has counted."""
    response = httpx.get(f"{address}/stats", trust_env=False, timeout=DEADLINE_S, verify=tls_context())
    return dict(response.raise_for_status().json())


def bare_socket(address: str, room: str, **options: Any) -> ClientConnection:
    """Open a WebSocket that has not joined yet."""
    return silent_socket(f"{address.rstrip('/')}/rooms/{room}/socket", **options)


def silent_socket(url: str, **options: Any) -> ClientConnection:
    """Open a WebSocket without pings, proxy or compression."""
    given = {"proxy": None, "compression": None, "ping_interval": None, "close_timeout": 1, **options}
    opened: ClientConnection = connect(url.replace("http", "ws", 1), open_timeout=DEADLINE_S, **given)
    return opened


def narrow_socket(address: str) -> socket.socket:
    """Connect with a small receive buffer (4 KiB asked for), so that it is full soon if nobody reads."""
    url = urlsplit(address)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.settimeout(DEADLINE_S)
    narrow.connect((url.hostname, url.port))
    return narrow


def receive(opened: ClientConnection) -> dict[str, Any]:
    """Wait for the next frame; raises TimeoutError at the deadline."""
    return dict(json.loads(opened.recv(DEADLINE_S)))


def closing(opened: ClientConnection) -> tuple[int, str]:
    """Read until the server closes; return its code and its reason."""
    try:
        while True:
            opened.recv(DEADLINE_S)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None, closed
        return closed.rcvd.code, closed.rcvd.reason


def until(found: Callable[[], Value]) -> Value:
    """Wait until something is found, or holds, and return it; fails at the deadline."""
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < deadline_s, f"not found within {DEADLINE_S:g} s"
        time.sleep(0.01)


async def until_logins_are_answered(address: str) -> None:
    """Wait for the first log-in: a function starts with its first request, however long that takes."""
    async with asyncio.timeout(2 * DEADLINE_S), httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S) as http:
        while (await http.post(f"{address}/login")).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            pass
