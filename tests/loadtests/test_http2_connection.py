"""HTTP/2 of load users and of clients: one connection for everything, and what becomes of requests when that fails."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from socketserver import BaseRequestHandler
from time import sleep

import httpx
import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived

from clients import http_session
from clients.errors import ConnectionLost
from clients.http_session import HttpSession, Options
from tests.support.shortest_harness import http_server

pytestmark = pytest.mark.process

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
FAILURES = [
    ("reset", "the server reset the stream, with REFUSED_STREAM", 1),
    ("goaway", "the server ended the connection (GOAWAY), with NO_ERROR", 2),
    ("flood", "the server sent more than 100 SETTINGS frames", 2),
]
"""What the server does to a request, what its user says then, and the number of the next request's connection."""
SAID_BY_HTTPX = {"reset": "StreamReset .*error_code:7", "goaway": "ConnectionTerminated error_code:0"}
DEADLINE_S = 15.0
CONNECT_S = 3.0  # a user's limit for connecting
LATE_S = CONNECT_S + 0.5  # how long a late response takes


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def responding(authority: trustme.CA, *acts: str, alpn: str = "h2") -> Iterator[str]:
    """Do the next of these acts to each request, whatever its connection; yields the address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols([alpn])
    left = list(acts)
    numbers = count(1)

    class Responder(BaseRequestHandler):
        def handle(self) -> None:
            number = next(numbers)
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as connection:
                serve_connection(connection, number, left)

    with http_server(Responder) as address:
        yield address.replace("http", "https")


def serve_connection(connection: ssl.SSLSocket, number: int, acts: list[str]) -> None:
    """Speak HTTP/2 until the client closes the connection, or is flooded; each request takes an act off the list."""
    act = ""
    peer = H2Connection(H2Configuration(client_side=False, header_encoding="ascii"))
    peer.initiate_connection()
    connection.sendall(peer.data_to_send())
    while data := connection.recv(65_536):
        for event in peer.receive_data(data):
            if isinstance(event, RequestReceived):
                assert event.stream_id and event.headers
                assert {"host", "connection"}.isdisjoint(name for name, _ in event.headers)
                act = acts.pop(0)
                perform(act, peer, event.stream_id, number)
        connection.sendall(peer.data_to_send())
        if act == "flood":
            return


def perform(act: str, peer: H2Connection, stream_id: int, number: int) -> None:
    """Answer a request with its connection's number, late or at once, or let the request fail."""
    if act == "answer late":
        sleep(LATE_S)
    match act:
        case "answer" | "answer late":
            peer.send_headers(stream_id, [(":status", "200")])
            peer.send_data(stream_id, str(number).encode(), end_stream=True)
        case "reset":
            peer.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        case "goaway":
            peer.close_connection()
        case "flood":
            for _ in range(10_000):
                peer.update_settings({})


def requested(address: str, requests: int, authority: trustme.CA, folder: Path) -> list[str]:
    """Have a user send so many requests, one after the other; return a line for each."""
    authority.cert_pem.write_to_path(folder / "authority.pem")
    command = [sys.executable, "-c", USER % CONNECT_S, address, *["request"] * requests]
    trusting = {"SSL_CERT_FILE": str(folder / "authority.pem"), "SSL_CERT_DIR": str(folder)}
    done = subprocess.run(command, env=trusting, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    return [line.replace(address, "server") for line in done.stdout.splitlines()]


@pytest.fixture
def session_of(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], HttpSession]:
    """Return a function that makes a client of an address; the client trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    monkeypatch.setattr(http_session, "tls_context", lambda: context)
    return lambda address: HttpSession(address, "room", Options())


@pytest.mark.parametrize(("act", "said", "connection"), FAILURES)
def test_a_request_that_fails_says_why_and_the_next_one_is_answered(
    authority: trustme.CA, tmp_path: Path, act: str, said: str, connection: int
) -> None:
    with responding(authority, "answer", "answer", act, "answer") as address:
        lines = requested(address, 4, authority, tmp_path)
    first = "200 on connection 1"
    assert lines == [first, first, f"lost: server: {said}", f"200 on connection {connection}"]


@pytest.mark.parametrize(("act", "said", "connection"), FAILURES)
async def test_a_client_too_says_why_and_its_next_request_is_answered(
    authority: trustme.CA, session_of: Callable[[str], HttpSession], act: str, said: str, connection: int
) -> None:
    with responding(authority, "answer", act, "answer") as address:
        session = session_of(address)
        assert await session.get("/", int) == 1
        with pytest.raises(ConnectionLost, match=SAID_BY_HTTPX.get(act, said)):
            await session.get("/", int)
        assert await session.get("/", int) == connection
        await session.close()


async def test_a_client_that_stopped_connecting_halfway_loses_one_request_at_most(
    authority: trustme.CA, session_of: Callable[[str], HttpSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stop_halfway(request: httpx.Request) -> None:
        request.extensions["trace"] = note

    async def note(name: str, info: object) -> None:
        if name == "http2.send_connection_init.complete":
            first.cancel()

    monkeypatch.setattr(http_session, "limit_settings", stop_halfway)
    with responding(authority, "answer", "answer") as address:
        session = session_of(address)
        first = asyncio.create_task(session.get("/", int))
        await asyncio.wait([first])
        with pytest.raises(ConnectionLost, match="semaphore"):  # which httpcore 1.0.9 makes after that step
            await session.get("/", int)
        assert await session.get("/", int) == 1
        await session.close()


def test_a_connection_may_be_silent_for_longer_than_connecting_may_take(authority: trustme.CA, tmp_path: Path) -> None:
    with responding(authority, "answer late", "answer") as address:
        assert requested(address, 2, authority, tmp_path) == ["200 on connection 1"] * 2


async def test_a_certificate_of_an_unknown_authority_is_refused(
    authority: trustme.CA, tmp_path: Path, session_of: Callable[[str], HttpSession]
) -> None:
    unknown = trustme.CA()
    with responding(unknown, "answer") as address:
        (line,) = requested(address, 1, authority, tmp_path)
        with pytest.raises(ConnectionLost, match="CERTIFICATE_VERIFY_FAILED"):
            await session_of(address).get("/", int)
        assert requested(address, 1, unknown, tmp_path) == ["200 on connection 3"]
    assert line.startswith("lost: server: ") and "CERTIFICATE_VERIFY_FAILED" in line


def test_a_server_without_http2_is_refused_with_the_reason(authority: trustme.CA, tmp_path: Path) -> None:
    with responding(authority, "answer", alpn="http/1.1") as address:
        (line,) = requested(address, 1, authority, tmp_path)
    assert line == "lost: server: expected the server to speak h2, it named None"
