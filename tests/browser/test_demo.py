"""The demo in a real browser: what a presenter shows is true of every lane.

All tests here share one demo and its room: each has users of its own, some of whom may stay online
for one more lease, and leaves the lanes as it found them.
"""

import re

import pytest
from playwright.sync_api import expect

from servers.demo.controller import NAMES
from servers.demo.lane import LEASE_S
from servers.transports import TRANSPORTS, Transport
from tests.browser.conftest import OpenWindow
from tests.support.demo_window import READY_MS, SEEN_MS

pytestmark = pytest.mark.process

FOUR = [row.slug for row in TRANSPORTS if not row.is_addition]
FIVE = [*FOUR, "server_sent_events"]
DURATION = re.compile(r"^[\d.]+ m?s$")
SWITCH = "Show Server-Sent Events"
GIVEN_NAME = re.compile("|".join(NAMES))


def test_two_windows_see_each_other_type_write_read_and_leave(open_window: OpenWindow) -> None:
    ada, bob = open_window("Ola"), open_window("Pia")
    for slug in FOUR:
        both = bob.room(slug, "#members .online").filter(has_text=re.compile("Ola|Pia"))
        expect(both).to_have_text([re.compile("Ola"), re.compile("Pia")])
        ada.page.locator("#text").press_sequentially("I am writing ")  # for each lane, since a notice expires
        expect(bob.room(slug, "#typing")).to_have_text("Ola is typing…")
    ada.write("Are you there?")
    for slug in FOUR:
        ada.expect_last(slug, "Are you there?")
        bob.expect_last(slug, "Are you there?")
        expect(ada.room(slug, "#messages li small").last).to_have_attribute("aria-label", "read by 1")
    bob.close()
    for slug in FOUR:
        gone = ada.room(slug, "#members .offline").filter(has_text="Pia")
        expect(gone).to_have_count(1, timeout=2_000 * LEASE_S)


def test_a_page_reloaded_or_shown_again_is_the_same_user_online(open_window: OpenWindow, demo: str) -> None:
    ada = open_window()
    ada.write("once")
    for slug in FOUR:
        ada.expect_last(slug, "once")
    for is_cut in (False, True):
        if is_cut:
            ada.press("Cut my network")
            expect(ada.page.get_by_role("button", name="Reconnect my network")).to_be_visible()
        ada.page.reload()
        expect(ada.page.get_by_role("button", name="Cut my network")).to_be_visible()
        for slug in FOUR:
            namesakes = ada.room(slug, "#members .online").filter(has_text=GIVEN_NAME)
            expect(namesakes).to_have_text([re.compile(r"\(you\)$")])
            expect(ada.room(slug, "#messages li span").filter(has_text="once")).to_have_count(1)
    ada.page.goto(f"{demo}/tokens.css")
    with ada.page.expect_event("load"):  # so the page is loaded again, not restored from the browser's cache
        ada.page.go_back(wait_until="commit")
    expect(ada.page.locator("#text")).to_be_enabled(timeout=READY_MS)
    ada.write("back again")
    for slug in FOUR:
        ada.expect_last(slug, "back again")


def test_one_message_reaches_every_lane_and_text_is_never_markup(open_window: OpenWindow) -> None:
    ada = open_window("Amy")
    assert ada.slugs == FOUR
    ada.press(SWITCH)
    expect(ada.page.locator(".lane")).to_have_count(len(FIVE))
    counted = ada.card("server_sent_events").locator("[data-figure=bytes]")  # from zero
    expect(counted).to_have_text("0 B")
    ada.write("Hello <b>bold</b> & <script>bad()</script>")
    for slug in FIVE:
        ada.expect_last(slug, "Hello <b>bold</b> & <script>bad()</script>")
        expect(ada.card(slug).locator("[data-figure=last]")).to_have_text(DURATION)
    expect(ada.page.locator("#announcer")).to_contain_text("Seen: Short polling after")
    assert "local stand-in" in ada.card("pusher_adapter").locator("h2").inner_text()
    ada.press(SWITCH)
    expect(ada.page.locator(".lane")).to_have_count(len(FOUR))


def test_nobody_waits_for_a_message_that_was_refused(open_window: OpenWindow) -> None:
    ada = open_window("Bea")
    ada.page.locator("#text").evaluate("text => text.removeAttribute('maxlength')")
    ada.write("x" * 5000)
    expect(ada.page.locator("#trouble")).to_contain_text("at most 4096 bytes")
    for slug in FOUR:
        expect(ada.card(slug).locator(".progress")).to_have_text("no message yet")


def test_the_diagram_labels_a_typing_notice_and_its_acknowledgement(open_window: OpenWindow) -> None:
    ada = open_window("Cem")
    ada.page.fill("#text", "My own typing")
    labels = ada.room("raw_websocket", "#diagram .arrow text")
    expect(labels).to_contain_text(["I am typing", "ok", "typing notice"])
    expect(labels.filter(has_text=re.compile("stored|somebody"))).to_have_count(0)
    ada.page.press("#text", "Enter")
    ada.expect_last("raw_websocket", "My own typing")
    ada.page.fill("#text", "The next message")  # the first one has ended its notice
    expect(labels).to_contain_text(["new message", "I am typing"])


def test_counters_agree_with_the_browsers_requests(open_window: OpenWindow) -> None:
    ada = open_window("Dan")
    for slug in set(FOUR) - {"short_polling"}:  # which holds nothing between two polls
        expect(ada.card(slug).locator("[data-figure=connections]")).to_have_text("1")
    with ada.page.expect_response("**/control"):
        ada.press("Reset counters")
    before = {slug: len(ada.requests_to(slug)) for slug in FOUR}
    for number in range(5):
        ada.write(f"number {number}")
    for slug in FOUR:
        ada.expect_last(slug, "number 4")
        assert ada.messages(slug)[-5:] == [f"number {number}" for number in range(5)]
    for slug in set(FOUR) - {"short_polling"}:  # which continues to poll
        while ada.figure(slug, "requests") != str(len(ada.requests_to(slug)) - before[slug]):
            ada.page.wait_for_timeout(100)  # lets the page run
    assert ada.figure("raw_websocket", "requests") == "0"
    expect(ada.card("short_polling").locator("[data-figure=empty]")).not_to_have_text("0")


def test_a_latency_contains_the_networks_delay_each_way(open_window: OpenWindow) -> None:
    ada = open_window("Eve")
    with ada.page.expect_response("**/control"):
        ada.page.locator("#delay").fill("200")
    expect(ada.page.locator("#delay-shown")).to_have_text("200 ms each way")
    ada.write("from afar")
    for slug in FOUR:
        expect(ada.card(slug).locator(".progress")).to_have_text("1 message seen")
        latency = ada.figure(slug, "last")
        seconds = float(latency.split()[0]) / (1 if latency.endswith(" s") else 1000)
        assert seconds >= 0.4, f"{slug}: {latency} with 200 ms each way"


def test_a_first_visit_sends_five_messages_and_shows_their_median_latencies(open_window: OpenWindow) -> None:
    ada = open_window("Flo", "first")
    expect(ada.page.locator("#watch")).to_have_text(re.compile(r"Message \d of 5 is sent to four servers"))
    expect(ada.page.locator("#watch")).to_have_text(
        re.compile(r"^5 messages .+ after [\d.]+ m?s \(median\), the others after [\d.]+ m?s"), timeout=SEEN_MS
    )
    for slug in FOUR:
        expect(ada.card(slug).locator(".progress")).to_have_text("5 messages seen")
        expect(ada.card(slug).locator("[data-figure=median]")).to_have_text(DURATION)
    last = [ada.card(slug).locator("dl > div:visible").last.bounding_box() for slug in FOUR]
    assert len({box["y"] + box["height"] for box in last if box}) == 1, "the lanes' counters are aligned"


@pytest.mark.parametrize("added", [row for row in TRANSPORTS if row.is_addition], ids=lambda row: row.slug)
def test_an_added_lane_comes_and_goes_in_every_window(open_window: OpenWindow, added: Transport) -> None:
    ada, bob = open_window("Gil"), open_window("Hal")
    shown = len(ada.slugs)
    bob.press(f"Show {added.label}")
    for window in (ada, bob):
        expect(window.room(added.slug, "#members .online").filter(has_text=re.compile("Gil|Hal"))).to_have_count(2)
        expect(window.page.locator(f"#enable-{added.slug}")).to_have_attribute("aria-pressed", "true")
    ada.write("to every lane")
    bob.expect_last(added.slug, "to every lane")
    ada.press(f"Show {added.label}")
    for window in (ada, bob):
        expect(window.card(added.slug)).to_have_count(0)
        expect(window.page.locator(".lane")).to_have_count(shown)


def test_each_window_counts_its_own_traffic_and_all_count_towards_one_plan(open_window: OpenWindow) -> None:
    ada, bob = open_window("Ida"), open_window("Jon")
    ada.write("Are you there?")
    for slug in FOUR:
        bob.expect_last(slug, "Are you there?")
        expect(ada.card(slug).locator(".progress")).to_have_text("1 message seen")
        expect(bob.card(slug).locator("[data-figure=median]")).to_have_text(DURATION)
        assert bob.figure(slug, "own") == "\N{EN DASH}"
    plans = ada.page.locator("[data-figure=plan]:visible")
    expect(plans).to_have_text([re.compile(r"^\d+ of 200,000 messages, 2 of 100 connections$")])
    expect(plans).not_to_have_text(re.compile("^[012] of"))  # one message is published once, and received twice
    requests = int(ada.figure("long_polling", "requests"))
    bob.press("Reset counters")
    expect(bob.card("raw_websocket").locator("[data-figure=bytes]")).to_have_text("0 B")
    assert int(ada.figure("long_polling", "requests")) >= requests


def test_a_cut_network_is_shown_and_costs_no_message(open_window: OpenWindow) -> None:
    ada, bob = open_window("Kim"), open_window("Lea")
    ada.press("Cut my network")
    for slug in FOUR:
        expect(ada.card(slug)).to_have_class(re.compile("is-offline"))
        expect(ada.card(slug).locator("h2")).not_to_have_css("color", ada.colour(slug, ".delays b"))
        expect(ada.card(slug).locator(".progress")).to_contain_text("disconnected")
    expect(ada.page.locator("#announcer")).to_contain_text("Connection down: Short polling")
    for text in ("first", "second"):
        ada.write(text)
    bob.write("meanwhile")
    for slug in FOUR:
        bob.expect_last(slug, "meanwhile")
    ada.press("Reconnect my network")
    for slug in FOUR:
        ada.expect_last(slug, "second")
        bob.expect_last(slug, "second")
        assert ada.messages(slug)[-3:] == bob.messages(slug)[-3:] == ["meanwhile", "first", "second"]


def test_a_button_stays_unpressed_when_the_demo_refuses_its_command(open_window: OpenWindow) -> None:
    ada = open_window("Max")
    ada.page.route("**/control", lambda route: route.fulfill(status=400, json={"detail": "not today"}))
    for button in ("Cut my network", "Add five people", SWITCH):
        ada.press(button)
        expect(ada.page.locator("#trouble")).to_have_text("not today")
        expect(ada.page.get_by_role("button", name=button)).to_have_attribute("aria-pressed", "false")
        ada.page.locator("#trouble").evaluate("trouble => { trouble.textContent = '' }")


def test_a_killed_server_comes_back_with_every_message(open_window: OpenWindow) -> None:
    ada = open_window("Nia")
    texts = ["before"]
    ada.write("before")
    for slug in ("short_polling", "pusher_adapter"):
        ada.expect_last(slug, texts[-1])
        with ada.page.expect_response("**/control") as restarted:
            ada.card(slug).locator(".restart").click()
            ada.write(f"while {slug} restarts")
        assert restarted.value.ok and restarted.value.request.post_data_json == {"type": "restart", "lane": slug}
        texts.append(f"while {slug} restarts")
    for slug in ("short_polling", "pusher_adapter"):
        ada.expect_last(slug, texts[-1])
        assert ada.messages(slug)[-3:] == texts
