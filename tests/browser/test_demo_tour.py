"""The guided tour, from end to end, by keyboard alone."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.process

STEPS = 7


def test_the_tour_is_walked_by_keyboard_and_answers_with_this_machines_figures(open_window: OpenWindow) -> None:
    window = open_window("Ada", "tour")
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
