"""A real browser: Chromium, driven by Playwright, which talks to this machine and to nobody else."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "apt-get install -y --no-install-recommends chromium fonts-dejavu-core"
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    # No other name is resolved, so no request leaves this machine.
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

REMOVED_DEFAULTS = ["--disable-back-forward-cache"]
"""What Playwright passes by default: in people's browsers the Back button shows a page as it was left."""


@contextmanager
def chromium(arguments: Sequence[str] = ()) -> Iterator[Browser]:
    """Run Chromium until the block ends; raises RuntimeError with the command that installs it."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise RuntimeError(f"Chromium is missing; this installs it on Debian, as root: {INSTALL}")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=program,
                args=[*ARGUMENTS, *as_root, *arguments],
                ignore_default_args=REMOVED_DEFAULTS,
            )
        except Error as error:
            raise RuntimeError(f"{program} does not start; install it again: {INSTALL}") from error
        with browser:
            yield browser
