"""Counters are read from a server that may end meanwhile."""

from socketserver import BaseRequestHandler

import pytest

from servers.stats import read_stats
from tests.support.shortest_harness import http_server

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n{"


@pytest.mark.parametrize("response", [b"", HALF % 9, HALF % 1], ids=["silence", "half a response", "half an object"])
def test_a_server_that_ends_while_its_counters_are_read_is_an_os_error(response: bytes) -> None:
    class Responder(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(response)

    with http_server(Responder) as address, pytest.raises(OSError):
        read_stats(address)
