"""The load generator's HTTP: responses whole or in pieces, connections that are used again, and every failure."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from socketserver import BaseRequestHandler
from threading import Thread
from typing import Any
from unittest.mock import ANY, Mock, call

import pytest
from websockets.http11 import Response
from websockets.sync.server import ServerConnection, serve

from loadtests.users import websocket_connection
from loadtests.users.http_connection import ConnectionLost, HttpConnection, HttpConnectionPool, connected_socket
from loadtests.users.http_session import HttpUserSession
from loadtests.users.pusher_connection import PusherConnection
from servers.core.wire import Cursor, Page, ServiceAddress
from tests.support.deadline import DEADLINE_S
from tests.support.shortest_harness import http_server

REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: x\r\n\r\nhello"
GOODBYE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye"
PIECES = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n")


@contextmanager
def responding(*responses: Sequence[bytes]) -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """Answer the requests of all connections in turn, and close after the last.

    Yields the address, and a list of the requests, with the number of the connection that each used.
    """
    requests: list[tuple[int, bytes]] = []
    left = list(responses)
    numbers = count()

    class Responder(BaseRequestHandler):
        def handle(self) -> None:
            number = next(numbers)
            while left and (request := self.request.recv(65_536)):
                requests.append((number, request))
                for piece in left.pop(0):
                    self.request.sendall(piece)

    with http_server(Responder) as address:
        yield address, requests


@pytest.mark.parametrize(
    ("serve_one", "within_s", "reason"),
    [
        (list, 0.2, "timed out"),
        (lambda connection: connection.close(4401, "expired"), DEADLINE_S, "closed with 4401 expired"),
    ],
)
def test_a_websocket_that_is_silent_or_closed_is_a_lost_connection(
    serve_one: Callable[[ServerConnection], None], within_s: float, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_connection, "RESPONSE_S", within_s)
    with serve(serve_one, "127.0.0.1", 0) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        with pytest.raises(ConnectionLost, match=reason):
            websocket_connection.WebSocketConnection(url, lambda *_, **__: None).receive_within(DEADLINE_S)


def refuse_upgrade(connection: ServerConnection, _: object) -> Response:
    response = connection.respond(503, "")
    response.headers["Retry-After"] = "7"
    return response


@pytest.mark.parametrize(
    ("upgrade", "reason", "retry_after_s"), [(refuse_upgrade, "503", 7.0), (None, "pusher:error", 0.0)]
)
def test_a_socket_that_is_refused_is_closed_and_may_be_opened_later(
    upgrade: Any, reason: str, retry_after_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the response to the upgrade, or by the first frame of a push service that is over its limit."""
    opened: list[socket.socket] = []

    def connected(*where: Any) -> socket.socket:
        opened.append(connected_socket(*where))
        return opened[0]

    monkeypatch.setattr(websocket_connection, "connected_socket", connected)
    refusal = '{"event":"pusher:error"}'
    with serve(lambda connection: connection.send(refusal), "127.0.0.1", 0, process_request=upgrade) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        service = ServiceAddress("key", "", "127.0.0.1", server.socket.getsockname()[1], tls=False)
        with pytest.raises(ConnectionLost, match=reason) as lost:
            PusherConnection(service, lambda *_, **__: None)
    assert lost.value.retry_after_s == retry_after_s
    assert [each.fileno() for each in opened] == [-1]


def test_a_connection_is_used_again_once_its_response_is_whole() -> None:
    with responding([HELLO], [HELLO]) as (address, requests):
        pool = HttpConnectionPool(address)
        responses = [pool.request(REQUEST) for _ in range(2)]
        pool.close()
    assert [(each.status, each.headers["etag"], each.body) for each in responses] == 2 * [(200, "x", b"hello")]
    assert [number for number, _ in requests] == [0, 0]


def test_a_connection_that_is_busy_or_is_to_be_closed_is_not_used_again() -> None:
    with responding([PIECES[0]], [GOODBYE], [HELLO]) as (address, requests):
        pool = HttpConnectionPool(address)
        stream = pool.acquire()
        stream.start(REQUEST)
        assert [pool.request(REQUEST).body for _ in range(2)] == [b"bye", b"hello"]
        stream.close()
        pool.close()
    assert [number for number, _ in requests] == [0, 1, 2]


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="TCP_INFO is Linux's")
def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used_again() -> None:
    with responding([HELLO]) as (address, _):
        pool = HttpConnectionPool(address)
        first = pool.acquire()
        first.request(REQUEST)
        while not first.has_ended:
            time.sleep(0.01)
        vars(pool)["_free"].append(first)
        second = pool.acquire()
        second.close()
    assert second is not first


def test_a_streamed_response_is_read_in_pieces() -> None:
    with responding(PIECES) as (address, _):
        connection = HttpConnection(address)
        assert connection.start(REQUEST).status == 200
        assert b"".join(connection.body()) == b"abcde"
        assert connection.is_free
        connection.close()


@pytest.mark.parametrize("pieces", [[], [HELLO[:-2]], [b"nonsense\r\n\r\n"]], ids=["nothing", "half", "nonsense"])
def test_an_incomplete_response_and_a_refused_connection_are_lost_connections(pieces: Sequence[bytes]) -> None:
    with responding(pieces) as (address, _):
        connection = HttpConnection(address)
        with pytest.raises(ConnectionLost):
            connection.request(REQUEST)
    with pytest.raises(ConnectionLost, match="refused"):
        HttpConnection(address)


def test_every_request_is_reported_with_its_name_and_a_refusal_as_lost_until_its_retry() -> None:
    report = Mock()
    page = b'{"type":"page","epoch":"e","after":1,"next":1,"events":[]}'
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page)
    refusal = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}"
    with responding([whole], [refusal]) as (address, requests):
        session = HttpUserSession(address, report, "room-1", "c")
        assert session.read(Cursor("e", 1)).events == ()
        with pytest.raises(ConnectionLost, match="429") as lost:
            session.heartbeat()
        session.close()
    read = call("GET", "/rooms/[room]/events", ANY, len(page))
    heartbeat = call("POST", "/rooms/[room]/heartbeat", ANY, 0, lost.value)
    assert report.call_args_list == [read, heartbeat]
    assert lost.value.retry_after_s == 7.0
    assert b"If-None-Match" not in requests[0][1]


def test_a_conditional_read_without_news_is_an_empty_page() -> None:
    unchanged = b'HTTP/1.1 304 Not Modified\r\nETag: "e.1"\r\n\r\n'
    with responding([unchanged]) as (address, requests):
        session = HttpUserSession(address, lambda *_: None, "room-1", "c")
        assert session.read(Cursor("e", 1), conditional=True) == Page("e", 1, 1, ())
        session.close()
    ((_, request),) = requests
    assert b'If-None-Match: "e.1"' in request


@pytest.mark.parametrize(("keep_alive", "header"), [(True, b"keep-alive"), (False, b"close")])
def test_a_session_states_whether_to_keep_its_connection_alive(keep_alive: bool, header: bytes) -> None:
    with responding([GOODBYE]) as (address, requests), pytest.raises(ConnectionLost):
        HttpUserSession(address, lambda *_: None, "room-1", "c", keep_alive).heartbeat()
    ((_, request),) = requests
    assert b"\r\nConnection: %b\r\n" % header in request
