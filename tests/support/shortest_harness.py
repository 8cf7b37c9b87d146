"""A web server in a thread of the test's own process, and the broken requests that the shortest chats are sent."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler
from threading import Thread
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed

from tests.support.deadline import DEADLINE_S
from tests.support.guest import silent_socket


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing: the test's own report is enough."""


@contextmanager
def http_server(handler: Callable[..., BaseRequestHandler]) -> Iterator[str]:
    """Serve from a thread until the block ends; yields the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))  # s between two looks for a shutdown
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join(DEADLINE_S)


def send_broken_frame(url: str) -> None:
    """Upgrade, then send a frame without a mask, which RFC 6455 section 5.1 forbids a client; wait for the end."""
    with silent_socket(url) as opened, suppress(ConnectionClosed):
        opened.socket.sendall(b"\x81\x06Hello!")
        opened.recv(DEADLINE_S)


def send_half_a_body(url: str) -> None:
    """Send a body that is shorter than its head says, and hang up."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), DEADLINE_S) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Length: 9\r\n\r\nhalf" % parts.netloc.encode())
