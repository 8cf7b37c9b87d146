"""The demo and a real browser, started for a test or for a picture."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "apt-get install -y --no-install-recommends chromium fonts-dejavu-core"
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
STOP_S = 15.0


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium until the block ends; raises RuntimeError with the command that installs it."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise RuntimeError(f"Chromium is missing; this installs it on Debian, as root: {INSTALL}")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *as_root])
        except Error as error:
            raise RuntimeError(f"{program} does not start; is it whole? {INSTALL}") from error
        with browser:
            yield browser


@contextmanager
def running_demo() -> Iterator[str]:
    """Run the demo until the block ends; yields the address of its page."""
    command = [sys.executable, "-m", "servers.demo", "--port", "0", "--attached"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as demo:
        assert demo.stdin
        assert demo.stdout
        try:
            yield json.loads(demo.stdout.readline())["address"]
        finally:
            demo.stdin.close()
            demo.wait(STOP_S)
