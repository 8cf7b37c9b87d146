"""Counters are read from a server that may end meanwhile."""

import socket
from threading import Thread

import pytest

from servers.stats import read_stats


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{",
    ],
    ids=["silence", "half a response", "half an object"],
)
def test_a_server_that_ends_while_its_counters_are_read_is_an_os_error(response: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def respond() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(response)

        Thread(target=respond, daemon=True).start()
        with pytest.raises(OSError):
            read_stats(f"http://127.0.0.1:{listener.getsockname()[1]}")
