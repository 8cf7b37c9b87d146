"""What the tests of the shortest chats share: the settings of a push service, Chromium, and a broken frame."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright

from servers.shortest.processes import DEADLINE_S, JAVASCRIPT
from tests.support.pusher_process import ENV

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def service_settings(address: str) -> dict[str, str]:
    """Return the environment of a chat that uses the push service at that address."""
    host, _, port = address.removeprefix("http://").partition(":")
    return {**ENV, "PUSHER_HOST": host, "PUSHER_PORT": port}


@contextmanager
def chromium_page() -> Iterator[Page]:
    """Open an empty page from the JavaScript's folder in Chromium, which can reach nothing but loopback."""
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.fail("Chromium is not installed: run `make setup`, which says how")
    handler = partial(QuietHandler, directory=JAVASCRIPT)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            yield page
            browser.close()
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
