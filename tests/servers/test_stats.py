"""Counters are read from a server that may end meanwhile."""

from socketserver import BaseRequestHandler

import pytest

from servers.stats import read_stats
from tests.support.shortest_harness import http_server

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n{"


REFUSAL = b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 23\r\n\r\n{"error":"unavailable"}'


@pytest.mark.parametrize(
    "response", [b"", HALF % 9, HALF % 1, REFUSAL], ids=["silence", "half a response", "half an object", "a refusal"]
)
def test_a_server_that_ends_or_refuses_while_its_counters_are_read_is_an_os_error(response: bytes) -> None:
    class Responder(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(response)

    with http_server(Responder) as address, pytest.raises(OSError):
        read_stats(address)
