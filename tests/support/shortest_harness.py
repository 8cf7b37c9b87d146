"""Runs the shortest chats and their JavaScript as processes, and waits for their lines under a deadline."""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.support.pusher_process import DEADLINE_S, ENV, Json

JAVASCRIPT = Path(__file__).parents[2] / "servers" / "shortest" / "javascript"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
DIRECT = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

Process = subprocess.Popen[bytes]


def environment(service_address: str = "") -> dict[str, str]:
    """Return what the Pusher chats need to know of the stand-in at that address; loopback is reached directly."""
    host, _, port = service_address.removeprefix("http://").partition(":")
    return {**ENV, **DIRECT, "PUSHER_HOST": host, "PUSHER_PORT": port} if service_address else DIRECT


@contextmanager
def running(command: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] = DIRECT) -> Iterator[Process]:
    """Run a command, its output unbuffered and in pipes, until the block ends."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **env}, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: Process) -> str:
    """Wait for a process's next line; fails with what it complained of when it ends or stays silent."""
    assert process.stdout is not None
    assert process.stderr is not None
    readable, _, _ = select.select([process.stdout], [], [], DEADLINE_S)
    line: bytes = process.stdout.readline() if readable else b""
    if not line:
        process.kill()
        pytest.fail(f"{process.args!r} said nothing more, and complained: {process.stderr.read().decode()}")
    return line.decode().rstrip("\n")


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def node(*arguments: str) -> list[str]:
    """Return the command of a script; fails, never skips, when its packages are not installed."""
    program = shutil.which("node")
    if program is None or not (JAVASCRIPT / "node_modules").is_dir():
        pytest.fail("the packages of servers/shortest/javascript are not installed: run `make setup`")
    return [program, *arguments]


@contextmanager
def node_server(script: str) -> Iterator[tuple[Process, str]]:
    """Run a server of the JavaScript until the block ends; gives the process and its address."""
    with running(node(script), JAVASCRIPT) as process:
        yield process, line_of(process)


def told_in_node(client: str, url: str) -> Json:
    """Run a client of the JavaScript in node and return what it tells."""
    with running(node("run_websocket_client.mjs", f"./{client}", url), JAVASCRIPT) as process:
        told: Json = json.loads(line_of(process))
    return told


@contextmanager
def chromium_page() -> Iterator[Page]:
    """Open an empty page from the JavaScript's folder in Chromium; nothing but loopback can be asked."""
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.fail("Chromium is not installed: run `make setup`, which says how")
    handler = partial(Quiet, directory=JAVASCRIPT)
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


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: the test's own report is enough."""


def send_broken_frame(url: str) -> None:
    """Upgrade, then send a frame without a mask, which RFC 6455 section 5.1 forbids a client; wait for the end."""
    where = urlsplit(url)
    upgrade = (
        f"GET / HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection((where.hostname, where.port), DEADLINE_S) as line:
        line.sendall(upgrade.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += line.recv(4096)
        line.sendall(b"\x81\x06Hello!")
        try:
            while line.recv(4096):
                pass
        except ConnectionResetError:
            return  # a process that dies resets its lines
