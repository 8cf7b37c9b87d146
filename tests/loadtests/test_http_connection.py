"""The load generator's HTTP: answers whole or bit by bit, connections used again, and every break told as one."""

import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread

import pytest

from loadtests.users.http_connection import ConnectionLost, HttpConnection, HttpConnectionPool
from loadtests.users.http_session import HttpUserSession
from servers.core.wire import Cursor

QUESTION = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: x\r\n\r\nhello"
GOODBYE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye"
PIECES = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n")


@contextmanager
def answering(*answers: Sequence[bytes]) -> Iterator[tuple[str, list[int]]]:
    """Answer the questions of all connections in turn, and hang up after the last.

    Gives the address, and a list of which connection asked each.
    """
    asked_by: list[int] = []
    left = list(answers)

    def converse(number: int, line: socket.socket) -> None:
        with line:
            while left and line.recv(65_536):
                asked_by.append(number)
                for piece in left.pop(0):
                    line.sendall(piece)

    def accept() -> None:
        for number in range(9):
            try:
                line, _ = listener.accept()
            except OSError:
                return
            Thread(target=converse, args=(number, line), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked_by


def test_a_connection_is_used_again_once_its_answer_is_whole() -> None:
    with answering([HELLO], [HELLO]) as (address, asked_by):
        pool = HttpConnectionPool(address)
        answers = [pool.request(QUESTION) for _ in range(2)]
        pool.close()
    assert [(answer.status, answer.headers["etag"], answer.body) for answer in answers] == 2 * [(200, "x", b"hello")]
    assert asked_by == [0, 0]


def test_a_connection_that_is_busy_or_is_to_be_closed_is_not_used_again() -> None:
    with answering([PIECES[0]], [GOODBYE], [HELLO]) as (address, asked_by):
        pool = HttpConnectionPool(address)
        stream = pool.acquire()
        stream.start(QUESTION)
        assert [pool.request(QUESTION).body for _ in range(2)] == [b"bye", b"hello"]
        stream.close()
        pool.close()
    assert asked_by == [0, 1, 2]


def test_an_answer_that_goes_on_is_read_bit_by_bit() -> None:
    with answering(PIECES) as (address, _):
        connection = HttpConnection(address)
        assert connection.start(QUESTION).status == 200
        assert b"".join(connection.body()) == b"abcde"
        assert connection.is_free
        connection.close()


@pytest.mark.parametrize("pieces", [[], [HELLO[:-2]], [b"nonsense\r\n\r\n"]], ids=["silence", "half", "nonsense"])
def test_whatever_breaks_off_is_a_broken_line(pieces: Sequence[bytes]) -> None:
    with answering(pieces) as (address, _):
        connection = HttpConnection(address)
        with pytest.raises(ConnectionLost):
            connection.request(QUESTION)


def test_nobody_at_the_address_is_a_broken_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(ConnectionLost, match="refused"):
        HttpConnection(address)


def test_every_request_is_reported_with_its_name_and_a_refusal_as_broken() -> None:
    reported: list[tuple[str, str, int, bool]] = []

    def report(kind: str, name: str, took_s: float, length: int, lost: ConnectionLost | None = None) -> None:
        reported.append((kind, name, length, lost is not None))

    page = b'{"type":"page","epoch":"e","after":1,"next":1,"events":[]}'
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page)
    refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}"
    with answering([whole], [refusal]) as (address, _):
        line = HttpUserSession(address, report, "room-1", "c")
        assert line.read(Cursor("e", 1)).events == ()
        with pytest.raises(ConnectionLost, match="401"):
            line.heartbeat()
        line.close()
    assert reported == [
        ("GET", "/rooms/[room]/events", len(page), False), ("POST", "/rooms/[room]/heartbeat", 0, True),
    ]  # fmt: skip


@pytest.mark.parametrize(("keep_alive", "word"), [(True, b"keep-alive"), (False, b"close")])
def test_a_line_says_whether_its_connections_are_to_be_kept(keep_alive: bool, word: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        line = HttpUserSession(address, lambda *_: None, "room-1", "c", keep_alive)
        asking = pool.submit(line.heartbeat)
        connection, _ = listener.accept()
        with connection:
            assert b"\r\nConnection: %b\r\n" % word in connection.recv(65_536)
        assert isinstance(asking.exception(), ConnectionLost)
