"""Event streams whose client opens the next one before the last has ended, as a phone that changes networks does."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from servers.core.wire import Snapshot, decode
from servers.deploy.child_process import started

pytestmark = pytest.mark.process

DEADLINE_S = 10.0
ROOM = "/rooms/room"


def log_in(http: httpx.Client, name: str) -> dict[str, str]:
    """Return the header that carries the token."""
    return {"Authorization": f"Bearer {http.post('/login', json={'name': name}).json()['token']}"}


def is_online(http: httpx.Client, name: str, observer: dict[str, str]) -> bool:
    snapshot = http.post(f"{ROOM}/join", json={"connection": "w"}, headers=observer).json()
    return {member["name"]: bool(member["online"]) for member in snapshot["members"]}[name]


def open_stream(http: httpx.Client, token: dict[str, str], receive_bytes: int = 0) -> socket.socket:
    """Join, and return a socket that has requested the events; with the smallest of buffers, if given."""
    joined = http.post(f"{ROOM}/join", json={"connection": "w"}, headers=token).content
    path = f"{ROOM}/events?after={decode(joined, type=Snapshot).cursor}&connection=w"
    headers = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **token}.items())
    stream = socket.socket()
    if receive_bytes:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    stream.settimeout(DEADLINE_S)
    stream.connect((http.base_url.host, http.base_url.port or 80))
    stream.sendall(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())
    return stream


@contextmanager
def served(*more: str) -> Iterator[httpx.Client]:
    with (
        started(["servers", "server_sent_events", "--port", "0", *more]) as running,
        httpx.Client(base_url=running.address, trust_env=False, timeout=DEADLINE_S) as http,
    ):
        yield http


def await_offline(http: httpx.Client, name: str, observer: dict[str, str]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while is_online(http, name, observer):
        assert time.monotonic() < deadline_s


def test_a_reader_that_takes_nothing_for_a_lease_goes_offline() -> None:
    with served("--lease", "0.5") as http:
        ada, bob = log_in(http, "Ada"), log_in(http, "Bob")
        with open_stream(http, ada, receive_bytes=4096):
            assert is_online(http, "Ada", bob)
            for sent in range(120):  # 24 kB each as JSON: more than the kernel buffers
                message = {"client_id": str(sent), "text": "\x01" * 4000}
                assert http.post(f"{ROOM}/send", json=message, headers=bob).is_success
            await_offline(http, "Ada", bob)


def test_a_stream_that_is_replaced_at_once_does_not_take_its_user_offline() -> None:
    with served() as http:
        ada, bob = log_in(http, "Ada"), log_in(http, "Bob")
        last: socket.socket | None = None
        for _ in range(10):
            stream = open_stream(http, ada)
            if last:
                last.close()
            assert b" 200 " in stream.recv(1000)
            assert is_online(http, "Ada", bob)
            last = stream
        stream.close()
        await_offline(http, "Ada", bob)
