"""The load generator's HTTP/2: one connection for everything, and what becomes of requests when that fails."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived

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
        print(response.status, response.body.decode())
    except ConnectionLost as lost:
        print("lost:", lost)
pool.close()
"""
DEADLINE_S = 15.0
CONNECT_S = 3.0
"""A user's limit for connecting."""

LATE_S = 3.5
"""How late a response is that takes longer than that."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def responding(authority: trustme.CA, *acts: str, alpn: str = "h2") -> Iterator[str]:
    """Treat each request by the next of these acts, whatever its connection; yields the address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols([alpn])
    left = list(acts)

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):  # of the listener, once it is shut down
            for number in count(1):
                accepted, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(accepted, server_side=True) as connection:
                    serve_connection(connection, number, left)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(DEADLINE_S)


def serve_connection(connection: ssl.SSLSocket, number: int, acts: list[str]) -> None:
    """Speak HTTP/2 on a connection until its client closes it; takes an act off the list for each request."""
    peer = H2Connection(H2Configuration(client_side=False, header_encoding="ascii"))
    peer.initiate_connection()
    connection.sendall(peer.data_to_send())
    while data := connection.recv(65_536):
        for event in peer.receive_data(data):
            if isinstance(event, RequestReceived):
                assert event.stream_id and event.headers
                assert {"host", "connection"}.isdisjoint(name for name, _ in event.headers)
                perform(acts.pop(0), peer, event.stream_id, number)
        connection.sendall(peer.data_to_send())


def perform(act: str, peer: H2Connection, stream_id: int, number: int) -> None:
    """Answer a request with its connection's number, late or at once, or let the request fail."""
    if act == "answer late":
        sleep(LATE_S)
    match act:
        case "answer" | "answer late":
            peer.send_headers(stream_id, [(":status", "200")])
            peer.send_data(stream_id, f"on connection {number}".encode(), end_stream=True)
        case "reset":
            peer.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        case "goaway":
            peer.close_connection()
        case "flood":
            for _ in range(10_000):
                peer.update_settings({})


def requested(address: str, count: int, authority: trustme.CA, folder: Path) -> list[str]:
    """Have a user send requests one after the other; return a line for each."""
    authority.cert_pem.write_to_path(folder / "authority.pem")
    command = [sys.executable, "-c", USER % CONNECT_S, address, *("request" for _ in range(count))]
    trusting = {"SSL_CERT_FILE": str(folder / "authority.pem"), "SSL_CERT_DIR": str(folder)}
    done = subprocess.run(command, env=trusting, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    return [line.replace(address, "server") for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("act", "said", "connection"),
    [
        ("reset", "the server reset the stream, with REFUSED_STREAM", 1),
        ("goaway", "the server ended the connection (GOAWAY), with NO_ERROR", 2),
        ("flood", "the server sent more than 100 SETTINGS frames", 2),
    ],
)
def test_a_request_that_fails_says_why_and_the_next_one_is_answered(
    authority: trustme.CA, tmp_path: Path, act: str, said: str, connection: int
) -> None:
    with responding(authority, "answer", "answer", act, "answer") as address:
        lines = requested(address, 4, authority, tmp_path)
    first = "200 on connection 1"
    assert lines == [first, first, f"lost: server: {said}", f"200 on connection {connection}"]


def test_a_connection_may_be_silent_for_longer_than_connecting_may_take(authority: trustme.CA, tmp_path: Path) -> None:
    with responding(authority, "answer late", "answer") as address:
        assert requested(address, 2, authority, tmp_path) == ["200 on connection 1"] * 2


def test_a_certificate_of_an_unknown_authority_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    with responding(authority, "answer") as address:
        (line,) = requested(address, 1, trustme.CA(), tmp_path)
    assert line.startswith("lost: server: ") and "CERTIFICATE_VERIFY_FAILED" in line


def test_a_server_without_http2_is_refused_with_the_reason(authority: trustme.CA, tmp_path: Path) -> None:
    with responding(authority, "answer", alpn="http/1.1") as address:
        (line,) = requested(address, 1, authority, tmp_path)
    assert line == "lost: server: expected the server to speak h2, it named None"
