"""Everybody can use the demo: axe-core finds nothing serious, everything fits, and the tour needs only a keyboard."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import OpenWindow
from tests.support.accessibility import SMALL_TEXTS, findings
from tests.support.demo_window import Window

pytestmark = pytest.mark.process

NARROW = {"width": 360, "height": 780}
STEPS = 8
TOUR_MS = 180_000
NOTE_INTERVAL = """() => {
  const set = self.setInterval;
  self.setInterval = (call, ms) => {
    self.interval = { call, ms };
    return set(call, ms);
  };
}"""


def write_to_all_lanes(window: Window, name: str) -> None:
    """Write a message, and wait until each lane shows it once."""
    text = f"Is there anything here that {name} could not read?"
    window.write(text)
    for slug in window.slugs:
        shown = window.room(slug, "#messages li span").filter(has_text=text)
        expect(shown).to_have_count(1)


def expect_no_findings(window: Window) -> None:
    """Fail if axe-core finds anything serious on the page or in a lane."""
    found = {frame.url: findings(frame) for frame in window.page.frames}
    assert len(found) == 1 + len(window.slugs)
    assert {url: grave for url, grave in found.items() if grave} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_page_nor_in_a_lane(open_window: OpenWindow, scheme: str) -> None:
    window = open_window(scheme, "tour", color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    write_to_all_lanes(window, scheme)
    expect_no_findings(window)
    window.page.locator("#tour-title").press("ArrowRight")
    expect(window.page.locator(".is-aside")).to_have_count(len(window.slugs) - 1)
    expect_no_findings(window)
    window.page.keyboard.press("Escape")
    window.press("Cut my network")
    for slug in window.slugs:
        expect(window.room(slug, "body")).to_have_class(re.compile("is-offline"))
    expect(window.page.locator(".lane.is-offline")).to_have_count(len(window.slugs))
    expect_no_findings(window)


def test_a_narrow_screen_is_wide_enough_and_keeps_all_medians_in_sight(open_window: OpenWindow) -> None:
    window = open_window("Ada", viewport=NARROW)
    write_to_all_lanes(window, "Ada")
    for frame in window.page.frames:
        assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), frame.url
    expect(window.page.locator("#medians b")).to_have_text([re.compile(r"\d")] * len(window.slugs))
    names = window.page.locator("#medians span")
    assert not any(names.evaluate_all("names => names.map((name) => name.scrollWidth > name.clientWidth)"))
    window.press("Take the tour")
    for slug in ("short_polling", "short_polling", "long_polling", "raw_websocket"):  # the lanes of the first steps
        expect(window.card(slug).locator("h2")).to_be_in_viewport(ratio=1)
        expect(window.page.locator("#medians")).to_be_in_viewport(ratio=1)
        expect(window.page.locator("#tour-next")).to_be_in_viewport(ratio=1)
        window.page.keyboard.press("ArrowRight")
    window.page.keyboard.press("Escape")  # all tests here share one demo, and the tour has invited a crowd
    expect(window.page.locator("#tour")).to_be_hidden()


@pytest.mark.parametrize("size", [(1920, 1080), (1366, 768), (1024, 768)], ids=str)
def test_nothing_is_cut_off_or_below_14_px_on_a_projector(open_window: OpenWindow, size: tuple[int, int]) -> None:
    width, height = size
    name = f"Ada{width}"
    window = open_window(name, viewport={"width": width, "height": height})
    window.press("Show Server-Sent Events")
    window.card("server_sent_events").locator("iframe").scroll_into_view_if_needed()
    expect(window.room("server_sent_events", "#members .online").filter(has_text=name)).to_be_visible()
    write_to_all_lanes(window, name)
    for frame in window.page.frames:
        assert frame.evaluate(SMALL_TEXTS) == [], frame.url
        if frame is not window.page.main_frame:
            assert frame.evaluate("document.querySelector('#say').getBoundingClientRect().bottom <= innerHeight")
    # All tests here share one demo. By keyboard, since a click may miss the button while the page scrolls back to it.
    window.page.locator("#enable-server_sent_events").press("Enter")
    expect(window.card("server_sent_events")).to_have_count(0)


def test_the_key_p_hides_and_shows_the_controls_except_in_a_text_field(open_window: OpenWindow) -> None:
    page = open_window("Pia").page
    page.keyboard.press("p")
    expect(page.locator("#controls")).to_be_hidden()
    page.locator("#text").press("p")
    expect(page.locator("#controls")).to_be_hidden()
    page.locator("#text").blur()
    page.keyboard.press("p")
    expect(page.locator("#controls")).to_be_visible()


def test_the_tour_is_walked_by_keyboard_and_answers_with_this_machines_figures(open_window: OpenWindow) -> None:
    window = open_window("Eve", "tour", viewport={"width": 1366, "height": 768})
    titles = window.walk_tour(STEPS, never=r"\u2013|undefined|NaN")
    assert len(set(titles)) == STEPS
    expect(window.page.locator("#tour-button")).to_be_focused()
    expect(window.page.locator("#summary-title")).to_contain_text("the same 20 messages")
    expect(window.page.locator("#summary-words")).to_have_text(
        re.compile(r"after \d.* \(median\), the others after \d")
    )
    expect(window.page.locator("#summary [scope=row]")).to_have_count(len(window.slugs))
    expect(window.page.locator("#summary td", has_text="\u2013")).to_have_count(0)
    expect(window.page.locator("#summary [scope=row]").last).to_contain_text("local stand-in")
    for slug in window.slugs:
        expect(window.card(slug).locator("[data-figure=median]")).to_have_text(re.compile(r"\d"))


def test_the_tour_can_go_back_play_by_itself_and_be_ended(open_window: OpenWindow) -> None:
    page = open_window("Bob").page
    page.locator("#tour-button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#tour-place")).to_have_text(f"Step 1 of {STEPS}")
    page.evaluate(NOTE_INTERVAL)
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#tour-play")).to_have_attribute("aria-pressed", "true")
    assert STEPS * page.evaluate("self.interval.ms") == TOUR_MS
    page.evaluate("self.interval.call()")  # as if that time had passed
    expect(page.locator("#tour-place")).to_have_text(f"Step 2 of {STEPS}")
    page.locator("#tour-title").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_be_hidden()


def test_the_explorer_is_served_beside_the_demo(browser: Browser, demo: str) -> None:
    page = browser.new_page()
    page.goto(f"{demo}/explore.html#preset=team")
    page.locator("#reveal").click()
    expect(page.locator("#answer-choice")).to_be_visible()
    expect(page.locator("#answer-choice")).to_have_text(re.compile("."))
