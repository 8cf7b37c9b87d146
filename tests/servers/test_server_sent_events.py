"""Event streams whose client opens the next one before the last has ended, as a phone that changes networks does."""

import socket
import time

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


def test_a_stream_that_is_replaced_at_once_does_not_take_its_user_offline() -> None:
    with (
        started(["servers", "server_sent_events", "--port", "0"]) as running,
        httpx.Client(base_url=running.address, trust_env=False, timeout=DEADLINE_S) as http,
    ):
        ada, bob = log_in(http, "Ada"), log_in(http, "Bob")
        joined = http.post(f"{ROOM}/join", json={"connection": "w"}, headers=ada).content
        path = f"{ROOM}/events?after={decode(joined, type=Snapshot).cursor}&connection=w"
        headers = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **ada}.items())
        request = f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode()
        address = http.base_url.host, http.base_url.port or 80
        last: socket.socket | None = None
        for _ in range(10):
            stream = socket.create_connection(address, DEADLINE_S)
            stream.sendall(request)
            if last:
                last.close()
            assert b" 200 " in stream.recv(1000)
            assert is_online(http, "Ada", bob)
            last = stream
        stream.close()
        deadline_s = time.monotonic() + DEADLINE_S
        while is_online(http, "Ada", bob):
            assert time.monotonic() < deadline_s
