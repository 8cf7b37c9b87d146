"""What a server's own page is refused, or refuses: messages, connections, and who would control it."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from servers.deploy.child_process import LOOPBACK, READY_S, ChildProcess, free_port, python_module, started
from tests.support.chat_page import enter, joined, page_server, write
from tests.support.pusher_process import ENV, service_settings
from tests.support.shortest_harness import QuietHandler, http_server

pytestmark = pytest.mark.process

START = {"kind": "start", "name": "Mallory", "token": "", "room": "lobby", "options": {}}


def another_origin(folder: Path) -> AbstractContextManager[str]:
    """Serve an empty page on another port; yields its origin."""
    (folder / "index.html").write_text("<!doctype html><title>Elsewhere</title>")
    return http_server(partial(QuietHandler, directory=folder))


def load_with_policy(context: BrowserContext, policy: str) -> None:
    """Have the chat's page arrive with this Content-Security-Policy."""

    def respond(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, headers={**response.headers, "content-security-policy": policy})

    context.route(re.compile("chat.html"), respond)


def frame_and_start(context: BrowserContext, origin: str, chat: str) -> Page:
    """Have a page of that origin show the chat in a frame and, once it has loaded, start it as another user."""
    page = context.new_page()
    page.goto(origin)
    script = """([chat, start]) => new Promise((resolve) => {
      const frame = document.createElement("iframe");
      addEventListener("message", ({ source }) => {
        source.postMessage(start, "*");
        resolve();
      }, { once: true });
      frame.src = chat;
      document.body.append(frame);
    })"""
    page.evaluate(script, [f"{chat}/web/chat.html?page={origin}", START])
    return page


@pytest.fixture(scope="module")
def socket_server() -> Iterator[str]:
    """Return the address of a server with WebSockets. Nobody leaves it in time, so each name is used once."""
    with page_server("raw_websocket") as server:
        yield server.address


def test_a_page_says_why_a_message_was_refused(browser: Browser, socket_server: str) -> None:
    ada = joined(browser, socket_server, "Ada")
    expect(ada.locator("#text")).to_be_focused()  # so that who has joined can write at once
    ada.locator("#text").evaluate("text => text.removeAttribute('maxlength')")
    write(ada, "x" * 5000)
    expect(ada.locator("#notice")).to_contain_text("at most 4096 bytes")


def test_a_page_that_could_not_be_loaded_offers_no_form(browser: Browser, socket_server: str) -> None:
    page = browser.new_page()
    page.route("**/health", lambda route: route.abort())
    page.goto(socket_server)
    expect(page.locator("#trouble")).to_be_visible()
    expect(page.locator("#enter")).to_be_hidden()


@pytest.mark.parametrize(("variable", "reason"), [("PUSHER_SECRET", "auth for channel"), ("PUSHER_KEY", "unknown app")])
def test_a_page_says_why_the_push_service_refused_it(browser: Browser, variable: str, reason: str) -> None:
    port = free_port()
    changed = started(["servers.pusher_service", "--port", str(port)], env={**ENV, variable: "another"})
    with page_server("pusher_adapter", env=service_settings(f"http://{LOOPBACK}:{port}")) as server, changed:
        ada = joined(browser, server.address, "Ada")
        expect(ada.locator("#trouble")).to_contain_text(f"the push service refused: {reason}")


@pytest.mark.parametrize(
    ("name", "http_status", "place", "text"),
    [("Bea", None, "#notice", "no WebSocket"), ("Cem", 403, "#trouble", "responded with 403")],
)
def test_a_page_says_that_its_websocket_was_refused_and_why_if_http_states_a_reason(
    browser: Browser, socket_server: str, name: str, http_status: int | None, place: str, text: str
) -> None:
    target = socket_server.removeprefix("http://")
    with ChildProcess(python_module("loadtests.harness.relay", "--to", target, "--refuse-upgrades")) as relay:
        page = browser.new_page()
        if http_status:
            page.route("**/socket", lambda route: route.fulfill(status=http_status, body="Ask your administrator"))
        enter(page, relay.await_ready(READY_S).address, name)
        expect(page.locator(place)).to_contain_text(text)
        assert page.locator("#members li").count() == 0


def test_a_page_of_another_origin_does_not_control_the_chat_in_its_frame(
    browser: Browser, socket_server: str, tmp_path: Path
) -> None:
    with another_origin(tmp_path) as origin, browser.new_context() as context:
        load_with_policy(context, "")  # the policy would keep the page out of the frame before the script is asked
        page = frame_and_start(context, origin, socket_server)
        dan = joined(context, socket_server, "Dan")
        expect(dan.locator("#members li").filter(has_text="Mallory")).to_have_count(0)
        expect(page.frame_locator("iframe").locator("#room")).to_be_hidden()


def test_a_stated_origin_controls_its_frame_and_no_window_that_it_opens(browser: Browser, tmp_path: Path) -> None:
    with another_origin(tmp_path) as origin, page_server("raw_websocket", "--origin", origin) as server:
        page = frame_and_start(browser.new_context(), origin, server.address)
        expect(page.frame_locator("iframe").locator("#members li")).to_have_text(["Mallory (you)"])
        with page.expect_popup() as opened:
            page.evaluate("(chat) => { self.opened = open(chat); }", f"{server.address}/web/chat.html?page={origin}")
        expect(opened.value.locator("#name")).to_be_visible()
        page.wait_for_function("self.opened.closed")
        page.evaluate("(start) => self.opened.postMessage(start, '*')", START)
        enter(opened.value, server.address, "Ada")
        expect(opened.value.locator("#members")).to_contain_text("Ada (you)")


def test_a_page_connects_to_the_push_service_that_its_server_names(browser: Browser) -> None:
    env = {**service_settings("http://push.test:4433"), "NO_PROXY": "*"}
    with page_server("pusher_adapter", env=env) as server, browser.new_context() as context:
        page = context.new_page()
        with page.expect_websocket() as opened:
            enter(page, server.address, "Ada")
        assert opened.value.url.startswith("wss://push.test:4433/app/")


def test_a_page_names_the_connection_that_its_policy_forbids(browser: Browser) -> None:
    with page_server("pusher_adapter") as server, browser.new_context() as context:
        load_with_policy(context, "connect-src 'self'")
        page = context.new_page()
        enter(page, f"{server.address}/web/chat.html", "Ada")  # a redirection would not be caught
        expect(page.locator("#notice")).to_contain_text("forbids a connection to ws://127.0.0.1")


@pytest.mark.parametrize("transport", ["long_polling", pytest.param("server_sent_events", marks=pytest.mark.drill)])
def test_no_tab_sends_while_six_tabs_hold_all_connections_to_the_server(browser: Browser, transport: str) -> None:
    with page_server(transport, "--hold", "600") as server, browser.new_context() as context:
        tabs = [context.new_page() for _ in range(7)]
        for tab in tabs:
            tab.goto(server.address)  # before the first join: loading a page takes a connection, too
            expect(tab.locator("#name")).to_be_visible()
        for number, tab in enumerate(tabs):
            tab.fill("#name", f"Ada {number}")
            tab.press("#name", "Enter")
            if tab is not tabs[-1]:
                expect(tab.locator("#members")).to_contain_text("(you)")
        write(tabs[0], "Is there a connection?")
        for tab in (tabs[0], tabs[-1]):
            expect(tab.locator("#notice")).to_contain_text("close one")
        for _ in range(2):  # the tab that waits for a connection, then one of the six that hold one
            assert not any(tab.locator("#messages li").count() for tab in tabs)
            tabs.pop().close()
        for tab in tabs:
            expect(tab.locator("#messages li span")).to_have_text(["Is there a connection?"])
        expect(tabs[0].locator("#notice")).to_be_hidden()
