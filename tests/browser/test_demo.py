"""The demo in a real browser: what a presenter shows is true of every lane.

All tests here share one demo and its room: each has users of its own, some of whom may stay online
for one more lease, and leaves the lanes as it found them.
"""

import re

import pytest
from playwright.sync_api import Route, expect

from servers.demo.controller import NAMES
from servers.transports import TRANSPORTS, Transport
from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.process

FOUR = [row.slug for row in TRANSPORTS if not row.is_addition]
FIVE = [*FOUR, "server_sent_events"]
DURATION = re.compile(r"^[\d.]+ m?s$")
SWITCH = "Show Server-Sent Events"
NO_PATIENCE = "const later = setTimeout; setTimeout = (run, ms) => later(run, ms === 15_000 ? 0 : ms)"
"""A script after which the demo's page waits for no lane to join."""

GIVEN_NAME = re.compile("|".join(NAMES))


def test_two_windows_see_each_other_type_write_read_and_leave(open_window: OpenWindow) -> None:
    ola, pia = open_window("Ola"), open_window("Pia")
    for slug in FOUR:
        both = pia.room(slug, "#members .online").filter(has_text=re.compile("Ola|Pia"))
        expect(both).to_have_text([re.compile("Ola"), re.compile("Pia")])
        ola.page.locator("#text").press_sequentially("I am writing ")  # for each lane, since a notice expires
        expect(pia.room(slug, "#typing")).to_have_text("Ola is typing…")
    ola.write("Are you there?")
    for window in (ola, pia):
        window.expect_last("Are you there?", *FOUR)
    for slug in FOUR:
        expect(ola.room(slug, "#messages li small").last).to_have_attribute("aria-label", "read by 1")
    pia.close()
    for slug in FOUR:
        gone = ola.room(slug, "#members .offline").filter(has_text="Pia")
        expect(gone).to_have_count(1)


def test_a_page_reloaded_or_shown_again_is_the_same_user_online(open_window: OpenWindow, demo: str) -> None:
    ada = open_window()
    ada.write("once")
    ada.expect_last("once", *FOUR)
    mine = ada.room("raw_websocket", "#members .online").filter(has_text="(you)").inner_text()
    for is_cut in (False, True):
        if is_cut:
            ada.press("Cut my network")
            expect(ada.page.get_by_role("button", name="Reconnect my network")).to_be_visible()
        ada.page.reload()
        expect(ada.page.get_by_role("button", name="Cut my network")).to_be_visible()
        for slug in FOUR:
            namesakes = ada.room(slug, "#members .online").filter(has_text=GIVEN_NAME)
            expect(namesakes).to_have_text([mine])
            expect(ada.room(slug, "#messages li span").filter(has_text="once")).to_have_count(1)
    ada.page.goto(f"{demo}/tokens.css")
    with ada.page.expect_event("load"):  # so the page is loaded again, not restored from the browser's cache
        ada.page.go_back(wait_until="commit")
    expect(ada.page.locator("#text")).to_be_enabled()
    ada.write("back again")
    ada.expect_last("back again", *FOUR)


def test_one_message_reaches_every_lane_and_text_is_never_markup(open_window: OpenWindow) -> None:
    amy = open_window("Amy")
    assert amy.slugs == FOUR
    amy.press(SWITCH)
    expect(amy.page.locator(".lane")).to_have_count(len(FIVE))
    counted = amy.card("server_sent_events").locator("[data-figure=bytes]")  # from zero
    expect(counted).to_have_text("0 B")
    amy.write("Hello <b>bold</b> & <script>bad()</script>")
    amy.expect_last("Hello <b>bold</b> & <script>bad()</script>", *FIVE)
    for slug in FIVE:
        expect(amy.card(slug).locator("[data-figure=last]")).to_have_text(DURATION)
    expect(amy.page.locator("#announcer")).to_contain_text("Seen: Short polling after")
    assert "local stand-in" in amy.card("pusher_adapter").locator("h2").inner_text()
    amy.press(SWITCH)
    expect(amy.page.locator(".lane")).to_have_count(len(FOUR))


def test_nobody_waits_for_a_message_that_was_refused(open_window: OpenWindow) -> None:
    bea = open_window("Bea")
    bea.page.locator("#text").evaluate("text => text.removeAttribute('maxlength')")
    bea.write("x" * 5000)
    expect(bea.page.locator("#trouble")).to_contain_text("at most 4096 bytes")
    for slug in FOUR:
        expect(bea.card(slug).locator(".progress")).to_have_text("no message yet")


def test_the_diagram_labels_a_typing_notice_and_its_acknowledgement(open_window: OpenWindow) -> None:
    cem = open_window("Cem")
    cem.page.fill("#text", "My own typing")
    labels = cem.room("raw_websocket", "#diagram .arrow text")
    expect(labels).to_contain_text(["I am typing", "ok", "typing notice"])
    expect(labels.filter(has_text=re.compile("stored|somebody"))).to_have_count(0)
    cem.page.press("#text", "Enter")
    cem.expect_last("My own typing", "raw_websocket")
    cem.page.fill("#text", "The next message")  # the first one has ended its notice
    expect(labels).to_contain_text(["new message", "I am typing"])


def test_one_can_write_once_a_lane_has_joined_even_if_all_are_late(open_window: OpenWindow) -> None:
    uma = open_window("Uma")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    uma.page.route("**/web/chat.html", hold)
    uma.page.add_init_script(NO_PATIENCE)
    uma.page.reload()
    expect(uma.page.locator("#trouble")).to_contain_text("did not join within 15 s")
    expect(uma.page.locator("#text")).to_be_disabled()
    for lane in held:
        lane.continue_()
        expect(uma.page.locator("#text")).to_be_enabled()
    expect(uma.page.locator("#trouble")).to_be_hidden()
    uma.write("late, but here")
    uma.expect_last("late, but here", *FOUR)


def test_a_latency_contains_the_networks_delay_each_way(open_window: OpenWindow) -> None:
    eve = open_window("Eve")
    with eve.page.expect_response("**/control"):
        eve.page.locator("#delay").fill("200")
    expect(eve.page.locator("#delay-shown")).to_have_text("200 ms each way")
    eve.write("from afar")
    for slug in FOUR:
        expect(eve.card(slug).locator(".progress")).to_have_text("1 message seen")
        latency = eve.figure(slug, "last")
        seconds = float(latency.split()[0]) / (1 if latency.endswith(" s") else 1000)
        assert seconds >= 0.4, f"{slug}: {latency} with 200 ms each way"


def test_a_first_visit_sends_five_messages_and_shows_their_median_latencies(open_window: OpenWindow) -> None:
    flo = open_window("Flo", "first")
    expect(flo.page.locator("#watch")).to_have_text(re.compile(r"Message \d of 5 is sent to four servers"))
    expect(flo.page.locator("#watch")).to_have_text(
        re.compile(r"^5 messages .+ after [\d.]+ m?s \(median\), the others after [\d.]+ m?s")
    )
    for slug in FOUR:
        expect(flo.card(slug).locator(".progress")).to_have_text("5 messages seen")
        expect(flo.card(slug).locator("[data-figure=median]")).to_have_text(DURATION)
    last = [flo.card(slug).locator("dl > div:visible").last.bounding_box() for slug in FOUR]
    assert len({box["y"] + box["height"] for box in last if box}) == 1, "the lanes' counters are aligned"


@pytest.mark.parametrize("added", [row for row in TRANSPORTS if row.is_addition], ids=lambda row: row.slug)
def test_an_added_lane_comes_and_goes_in_every_window(open_window: OpenWindow, added: Transport) -> None:
    gil, hal = open_window("Gil"), open_window("Hal")
    shown = len(gil.slugs)
    hal.press(f"Show {added.label}")
    for window in (gil, hal):
        expect(window.room(added.slug, "#members .online").filter(has_text=re.compile("Gil|Hal"))).to_have_count(2)
        expect(window.page.locator(f"#enable-{added.slug}")).to_have_attribute("aria-pressed", "true")
    gil.write("to every lane")
    hal.expect_last("to every lane", added.slug)
    gil.press(f"Show {added.label}")
    for window in (gil, hal):
        expect(window.card(added.slug)).to_have_count(0)
        expect(window.page.locator(".lane")).to_have_count(shown)


def test_each_window_counts_its_own_traffic_and_all_count_towards_one_plan(open_window: OpenWindow) -> None:
    ida, jon = open_window("Ida"), open_window("Jon")
    ida.write("Are you there?")
    jon.expect_last("Are you there?", *FOUR)
    for slug in FOUR:
        expect(ida.card(slug).locator(".progress")).to_have_text("1 message seen")
        expect(jon.card(slug).locator("[data-figure=median]")).to_have_text(DURATION)
        assert jon.figure(slug, "own") == "\N{EN DASH}"
    plans = ida.page.locator("[data-figure=plan]:visible")
    expect(plans).to_have_text([re.compile(r"^\d+ of 200,000 messages, 2 of 100 connections$")])
    expect(plans).not_to_have_text(re.compile("^[012] of"))  # one message is published once, and received twice
    requests = int(ida.figure("long_polling", "requests"))
    jon.press("Reset counters")
    expect(jon.card("raw_websocket").locator("[data-figure=bytes]")).to_have_text("0 B")
    assert int(ida.figure("long_polling", "requests")) >= requests


def test_a_cut_network_is_shown_and_costs_no_message(open_window: OpenWindow) -> None:
    kim, lea = open_window("Kim"), open_window("Lea")
    kim.press("Cut my network")
    for slug in FOUR:
        expect(kim.card(slug)).to_have_class(re.compile("is-offline"))
        expect(kim.card(slug).locator("h2")).not_to_have_css("color", kim.colour(slug, ".delays b"))
        expect(kim.card(slug).locator(".progress")).to_contain_text("disconnected")
    expect(kim.page.locator("#announcer")).to_contain_text("Connection down: Short polling")
    for text in ("first", "second"):
        kim.write(text)
    lea.write("meanwhile")
    lea.expect_last("meanwhile", *FOUR)
    kim.press("Reconnect my network")
    texts = ["meanwhile", "first", "second"]
    for window in (kim, lea):
        window.expect_last("second", *FOUR)
    for slug in FOUR:
        assert kim.shown(slug, texts) == lea.shown(slug, texts) == texts


def test_a_button_stays_unpressed_when_the_demo_refuses_its_command(open_window: OpenWindow) -> None:
    mia = open_window("Mia")
    mia.page.route("**/control", lambda route: route.fulfill(status=400, json={"detail": "not today"}))
    for button in ("Cut my network", "Add five people", SWITCH):
        mia.press(button)
        expect(mia.page.locator("#trouble")).to_have_text("not today")
        expect(mia.page.get_by_role("button", name=button)).to_have_attribute("aria-pressed", "false")
        mia.page.locator("#trouble").evaluate("trouble => { trouble.textContent = '' }")


def test_a_killed_server_comes_back_with_every_message(open_window: OpenWindow) -> None:
    nia = open_window("Nia")
    texts = ["before"]
    nia.write("before")
    for slug in ("short_polling", "pusher_adapter"):
        nia.expect_last(texts[-1], slug)
        with nia.page.expect_response("**/control") as restarted:
            nia.card(slug).locator(".restart").click()
            nia.write(f"while {slug} restarts")
        assert restarted.value.ok and restarted.value.request.post_data_json == {"type": "restart", "lane": slug}
        texts.append(f"while {slug} restarts")
    for slug in ("short_polling", "pusher_adapter"):
        nia.expect_last(texts[-1], slug)
        assert nia.shown(slug, texts) == texts
