"""Fixtures of the browser tests: a browser and a demo for each module. Playwright's event loop must not outlive it."""

from collections.abc import Iterator
from typing import Protocol

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import DEADLINE_MS, patient_browser
from tests.support.demo_window import Window, running_demo

expect.set_options(timeout=DEADLINE_MS)


class OpenWindow(Protocol):
    def __call__(self, name: str = "", query: str = "quiet", **settings: object) -> Window: ...


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with patient_browser() as running:
        yield running


@pytest.fixture(autouse=True)
def closed_afterwards(browser: Browser) -> Iterator[None]:
    """Close all pages that a test has left open."""
    yield
    for context in browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    with running_demo() as address:
        yield address


@pytest.fixture
def open_window(browser: Browser, demo: str) -> Iterator[OpenWindow]:
    """Open windows on one demo; at the end none has reported an error, nor sent requests beyond this machine."""
    windows: list[Window] = []

    def opened(name: str = "", query: str = "quiet", **settings: object) -> Window:
        windows.append(Window(browser, demo, name, query, **settings))
        return windows[-1]

    yield opened
    for window in windows:
        if not window.page.is_closed():
            window.page.close()
    assert [error for window in windows for error in window.errors] == []
    assert {host for window in windows for host in window.hosts} <= {"127.0.0.1"}
