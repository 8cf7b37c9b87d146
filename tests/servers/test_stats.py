"""Counters are read from a server that may end meanwhile."""

from socketserver import BaseRequestHandler

import pytest

from servers.stats import read_stats
from tests.support.shortest_harness import http_server


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
    class Responder(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(response)

    with http_server(Responder) as address, pytest.raises(OSError):
        read_stats(address)
