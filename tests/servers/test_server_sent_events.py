"""Event streams whose client opens the next one before the last has ended, as a phone that changes networks does."""

import socket
import time

import pytest

from servers.deploy.child_process import started
from tests.support.guest import DEADLINE_S, Guest, guest, narrow_socket

pytestmark = pytest.mark.process
COMMAND = ("servers", "server_sent_events", "--port", "0")


def open_stream(ada: Guest) -> socket.socket:
    """Join, and return a socket with the smallest of buffers that has requested the events."""
    ada.post("join")
    path, token = ada.events.url.raw_path.decode(), ada.http.headers["Authorization"]
    stream = narrow_socket(str(ada.http.base_url))
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n".encode())
    return stream


def await_offline(ada: Guest, observer: Guest) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while ada.name in observer.online():
        assert time.monotonic() < deadline_s


def test_a_reader_that_takes_nothing_for_a_lease_goes_offline() -> None:
    with (
        started([*COMMAND, "--lease", "0.5"]) as server,
        guest(server.address) as ada,
        guest(server.address, ada.room) as bob,
        open_stream(ada),
    ):
        assert ada.name in bob.online()
        for sent in range(120):  # 24 kB each as JSON: more than the kernel buffers
            assert bob.send(str(sent), "\x01" * 4000).is_success
        await_offline(ada, bob)


def test_a_stream_that_is_replaced_at_once_does_not_take_its_user_offline() -> None:
    with started(COMMAND) as server, guest(server.address) as ada, guest(server.address, ada.room) as bob:
        last: socket.socket | None = None
        for _ in range(10):
            stream = open_stream(ada)
            if last:
                last.close()
            assert b" 200 " in stream.recv(1000)
            assert ada.name in bob.online()
            last = stream
        stream.close()
        await_offline(ada, bob)
