"""What the tests of the shortest chats share: Chromium, and a broken frame."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from playwright.sync_api import Page

from loadtests.harness.browser import chromium
from servers.shortest.processes import DEADLINE_S, JAVASCRIPT


@contextmanager
def chromium_page() -> Iterator[Page]:
    """Open an empty page from the JavaScript's folder in Chromium, which can reach nothing but loopback."""
    handler = partial(QuietHandler, directory=JAVASCRIPT)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, chromium() as browser:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            yield page
        finally:
            server.shutdown()
            serving.join(DEADLINE_S)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing: the test's own report is enough."""


def send_broken_frame(url: str) -> None:
    """Upgrade, then send a frame without a mask, which RFC 6455 section 5.1 forbids a client; wait for the end."""
    parts = urlsplit(url)
    upgrade = (
        f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), DEADLINE_S) as connection:
        connection.sendall(upgrade.encode())
        response = b""
        while b"\r\n\r\n" not in response:
            response += connection.recv(4096)
        connection.sendall(b"\x81\x06Hello!")
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            return  # a process that dies resets its connections
