"""A server's own page in a browser: open it, join under a name, write."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic

from playwright.sync_api import Browser, BrowserContext, Page, expect

from servers.deploy.child_process import ChildProcess, started
from tests.support.deadline import DEADLINE_S

WEB = Path(__file__).parents[2] / "clients" / "web"


def page_server(transport: str, *more: str, env: dict[str, str] | None = None) -> AbstractContextManager[ChildProcess]:
    """Run a server that serves its own page."""
    return started(["servers", transport, "--port", "0", "--web", str(WEB), *more], env=env)


def enter(page: Page, address: str, name: str) -> None:
    """Open a server's page, and join under that name."""
    page.goto(address)
    page.fill("#name", name)
    page.press("#name", "Enter")


def joined(browser: Browser | BrowserContext, address: str, name: str) -> Page:
    """Open a server's page in a window of its own, join, and wait until the page shows it."""
    page = browser.new_page()
    enter(page, address, name)
    expect(page.locator("#members")).to_contain_text(f"{name} (you)")
    return page


def write(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.press("#text", "Enter")


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Let the browser's pages run until a condition holds that no page shows."""
    deadline_s = monotonic() + DEADLINE_S
    while not holds():
        assert monotonic() < deadline_s, "the condition does not hold"
        page.wait_for_timeout(100)
