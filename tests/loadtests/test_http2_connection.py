"""HTTP/2 of load users and of clients: one connection for everything, and what becomes of requests when that fails."""

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from unittest.mock import Mock

import httpx
import pytest
import trustme

from clients import http_session
from clients.errors import ConnectionLost
from clients.http_session import HttpSession, Options
from loadtests.users import http2_connection, http_connection
from tests.support.breaking_proxy import NUMBER, Act, breaking
from tests.support.deadline import DEADLINE_S
from tests.support.shortest_harness import QuietHandler, http_server

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("certificates")]

USER = """
from gevent import monkey
monkey.patch_all()
import sys
from loadtests.users import http_connection
http_connection.CONNECT_S = %s
from loadtests.users.http2_connection import Http2Pool
from loadtests.users.http_connection import ConnectionLost
pool = Http2Pool(sys.argv[1], keep_alive=True)
request = pool.encoded("GET", "/", {"Host": "h", "Connection": "keep-alive", "Accept": "*/*"}, b"")
for _ in sys.argv[2:]:
    try:
        response = pool.request(request)
        print(response.status, "on connection", response.body.decode())
    except ConnectionLost as lost:
        print("lost:", lost)
pool.close()
"""
CONNECT_S = 3.0  # a user's limit for connecting


class Numbered(QuietHandler):
    """Answers with the number of the client's connection."""

    def do_GET(self) -> None:  # noqa: N802 (the base class's name)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(self.headers[NUMBER].encode())


@contextmanager
def responding(*acts: Act | None, late_s: float = 0.0, alpn: str = "h2") -> Iterator[str]:
    """Do the next of these acts to each request, or answer it, the last one late; yields the address."""
    left = list(acts)

    def next_act(_: str) -> Act | None:
        act = left.pop(0)
        if not left:
            sleep(late_s)
        return act

    with http_server(Numbered) as server, breaking(server, next_act, alpn) as address:
        yield address


def requested(address: str, requests: int) -> list[str]:
    """Have a user send so many requests, one after the other; return a line for each."""
    command = [sys.executable, "-c", USER % CONNECT_S, address, *["request"] * requests]
    env = {"SSL_CERT_FILE": os.environ["SSL_CERT_FILE"], "SSL_CERT_DIR": os.devnull}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    return [line.replace(address, "server") for line in done.stdout.splitlines()]


def test_a_request_that_fails_says_why_and_the_next_one_is_answered() -> None:
    with responding(None, None, "reset", None, "goaway", None, "flood", None) as address:
        assert requested(address, 8) == [
            "200 on connection 1",
            "200 on connection 1",
            "lost: server: the server reset the stream, with INTERNAL_ERROR",
            "200 on connection 1",
            "lost: server: the server ended the connection (GOAWAY), with NO_ERROR",
            "200 on connection 2",
            "lost: server: the server sent more than 100 SETTINGS frames",
            "200 on connection 3",
        ]


def test_a_connection_that_breaks_before_its_first_frame_is_lost_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    socket = Mock(sendall=Mock(side_effect=BrokenPipeError))
    monkeypatch.setattr(http2_connection, "connected_socket", lambda *_: socket)
    with pytest.raises(http_connection.ConnectionLost, match="BrokenPipeError"):
        http2_connection.Http2Connection("https://server")
    socket.close.assert_called_once_with()


async def test_a_client_that_stopped_connecting_halfway_loses_one_request_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def stop_halfway(request: httpx.Request) -> None:
        request.extensions["trace"] = note

    async def note(name: str, info: object) -> None:
        if name == "http2.send_connection_init.complete":
            first.cancel()

    monkeypatch.setattr(http_session, "limit_settings", stop_halfway)
    with responding(None, None) as address:
        session = HttpSession(address, "room", Options())
        first = asyncio.create_task(session.get("/", int))
        await asyncio.wait([first])
        with pytest.raises(ConnectionLost, match="semaphore"):  # which httpcore 1.0.9 makes after that step
            await session.get("/", int)
        assert await session.get("/", int) == 1
        await session.close()


def test_a_connection_may_be_silent_for_longer_than_connecting_may_take() -> None:
    with responding(None, None, late_s=CONNECT_S + 0.5) as address:
        assert requested(address, 2) == ["200 on connection 1"] * 2


async def test_a_certificate_of_an_unknown_authority_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = os.environ["SSL_CERT_FILE"]
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "another.pem"))
    monkeypatch.setattr(http_session, "tls_context", ssl.create_default_context)
    with responding(None) as address:
        (line,) = requested(address, 1)
        with pytest.raises(ConnectionLost, match="CERTIFICATE_VERIFY_FAILED"):
            await HttpSession(address, "room", Options()).get("/", int)
        monkeypatch.setenv("SSL_CERT_FILE", known)
        assert requested(address, 1) == ["200 on connection 1"]
    assert line.startswith("lost: server: ") and "CERTIFICATE_VERIFY_FAILED" in line


def test_a_server_without_http2_is_refused_with_the_reason() -> None:
    with responding(None, alpn="http/1.1") as address:
        (line,) = requested(address, 1)
    assert line == "lost: server: expected the server to speak h2, it named None"
