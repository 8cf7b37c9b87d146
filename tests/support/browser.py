"""A browser for tests: whatever its pages wait for may take as long as a test's deadline."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser

from loadtests.harness.browser import chromium
from tests.support.deadline import DEADLINE_S

DEADLINE_MS = 1000 * DEADLINE_S


@contextmanager
def patient_browser() -> Iterator[Browser]:
    """Run Chromium until the block ends."""
    with chromium() as browser:
        browser.on("context", lambda context: context.set_default_timeout(DEADLINE_MS))
        yield browser
