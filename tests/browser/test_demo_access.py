"""Everybody can use the demo: axe-core finds nothing serious, everything fits, and the tour needs but a keyboard."""

from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Frame, expect

from tests.browser.conftest import OpenWindow
from tests.support.demo_window import Window

pytestmark = pytest.mark.process

AXE = AXE_FILE_PATH.read_text(encoding="utf-8")
GRAVE = ("serious", "critical")
NARROW = {"width": 360, "height": 780}
STEPS = 7


def findings(frame: Frame) -> list[tuple[str, Any]]:
    """Return what axe-core thinks serious in one frame, with the elements that it means."""
    frame.evaluate(AXE)
    found = frame.evaluate("axe.run(document, {iframes: false})")
    return [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in GRAVE
    ]


def with_something_to_see(window: Window, name: str) -> None:
    text = f"Is there anything here that {name} could not read?"
    window.write(text)
    for slug in window.slugs:
        window.expect_last(slug, text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_page_nor_in_a_lane(open_window: OpenWindow, scheme: str) -> None:
    window = open_window(scheme, "tour", color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    with_something_to_see(window, scheme)
    found = {frame.url: findings(frame) for frame in window.page.frames}
    assert len(found) == 1 + len(window.slugs)
    assert {url: grave for url, grave in found.items() if grave} == {}


def test_nothing_is_wider_than_a_narrow_screen(open_window: OpenWindow) -> None:
    window = open_window("Ada", viewport=NARROW)
    with_something_to_see(window, "Ada")
    for frame in window.page.frames:
        assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), frame.url


def test_the_tour_is_walked_by_keyboard_and_answers_with_this_machines_figures(open_window: OpenWindow) -> None:
    window = open_window("Eve", "tour")
    titles = window.walk_tour(STEPS, never=r"\u2013|undefined|NaN")
    assert len(set(titles)) == STEPS
    expect(window.page.locator("#tour-button")).to_be_focused()


def test_the_tour_can_be_turned_back_left_and_played(open_window: OpenWindow) -> None:
    page = open_window("Bob").page
    page.locator("#tour-button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#tour-place")).to_have_text(f"Step 1 of {STEPS}")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#tour-play")).to_have_attribute("aria-pressed", "true")
    page.locator("#tour-title").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_be_hidden()
