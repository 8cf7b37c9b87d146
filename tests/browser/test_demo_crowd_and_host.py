"""What concerns the whole demo, in a real browser: its counters, a crowd in every lane, and another host."""

import re
from collections.abc import Collection, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.test_demo import FOUR
from tests.support.chat_page import until
from tests.support.demo_window import Window, running_demo

pytestmark = pytest.mark.process

ON_FUNCTIONS = [slug for slug in FOUR if slug != "raw_websocket"]


@pytest.fixture
def demo() -> Iterator[str]:
    """Run a demo for each test: there is one room."""
    with running_demo() as address:
        yield address


def reset_between_requests(window: Window, slugs: Collection[str]) -> dict[str, int]:
    """Reset the counters while no request of these lanes is on its way; return how many each has sent by then."""

    def sent() -> dict[str, int]:
        return {slug: len(window.requests_to(slug)) for slug in slugs}

    before: dict[str, int] = {}

    def was_quiet() -> bool:
        before.update(sent())
        window.page.wait_for_timeout(500)
        with window.page.expect_response("**/control"):
            window.press("Reset counters")
        return sent() == before

    until(window.page, was_quiet)
    return before


def test_counters_agree_with_the_browsers_requests(open_window: OpenWindow) -> None:
    dan = open_window("Dan")
    others = set(FOUR) - {"short_polling"}  # which holds nothing between two polls, and continues to poll
    for slug in others:
        expect(dan.card(slug).locator("[data-figure=connections]")).to_have_text("1")
    before = reset_between_requests(dan, others)
    texts = [f"number {number}" for number in range(5)]
    for text in texts:
        dan.write(text)
    dan.expect_last("number 4", *FOUR)
    for slug in FOUR:
        assert dan.shown(slug, texts) == texts

    def agree() -> bool:
        return all(dan.figure(slug, "requests") == str(len(dan.requests_to(slug)) - before[slug]) for slug in others)

    until(dan.page, agree)
    assert dan.figure("raw_websocket", "requests") == "0"
    expect(dan.card("short_polling").locator("[data-figure=empty]")).not_to_have_text("0")


def test_five_people_talk_in_every_lane_until_they_are_sent_home(open_window: OpenWindow) -> None:
    ada = open_window("Ada")
    ada.press("Add five people")
    for slug in FOUR:
        expect(ada.room(slug, "#members .online")).to_have_count(6)
        expect(ada.room(slug, "#messages li")).not_to_have_count(0)
    expect(ada.card("raw_websocket").locator("[data-figure=connections]")).to_have_text("6")
    ada.press("Remove the people")
    for slug in FOUR:
        expect(ada.room(slug, "#members .online")).to_have_count(1)
    ada.press("Add five people")
    for slug in FOUR:  # the five who have left bear the same names, and are not shown beside those who came
        expect(ada.room(slug, "#members .online")).to_have_count(6)
        expect(ada.room(slug, "#members li")).to_have_count(6)
        is_above = "members.getBoundingClientRect().bottom <= messages.offsetTop"  # of the elements with these ids
        assert ada.frame(slug).evaluate(is_above)


def test_a_classic_serverless_host_cuts_polls_and_refuses_sockets_but_loses_nothing(open_window: OpenWindow) -> None:
    ada = open_window("Ada")
    ada.write("on servers")
    ada.page.locator("#host").select_option("classic-hobby")
    expect(ada.page.locator("#host")).to_be_enabled()
    ada.write("on functions")
    ada.expect_last("on functions", *ON_FUNCTIONS)
    expect(ada.room("long_polling", ".countdown")).to_have_text(re.compile(r"cut in \d\.\d s"))
    expect(ada.card("long_polling").locator("[data-figure=cuts]")).not_to_have_text("0")
    expect(ada.card("raw_websocket").locator(".progress")).to_contain_text("disconnected")
    expect(ada.room("raw_websocket", "#notice")).to_contain_text("no WebSocket")
    bob = open_window("Bob")
    for slug in ON_FUNCTIONS:
        expect(bob.room(slug, "#members .online")).to_have_count(2)
    bob.write("to those that joined")
    ada.expect_last("to those that joined", *ON_FUNCTIONS)
    ada.page.locator("#host").select_option("")
    expect(ada.page.locator("#host")).to_be_enabled()
    ada.expect_last("on functions", "raw_websocket")
    expect(bob.room("raw_websocket", "#members .online")).to_have_count(2)
    bob.write("to all")
    ada.expect_last("to all", *FOUR)
    expect(ada.card("raw_websocket").locator("[data-figure=cuts]")).to_be_hidden()
    expect(ada.room("raw_websocket", "#notice")).to_be_hidden()
