"""A server's own page is a chat by itself, without a demo around it."""

import re
import signal
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from pusher.http import Request

from servers.deploy.child_process import READY_S, ChildProcess, free_port, python_module, started
from servers.transports import TRANSPORTS, Transport
from tests.support.guest import stats
from tests.support.pusher_process import ENV, official_api, push_service, service_settings
from tests.support.shortest_harness import QuietHandler, http_server

pytestmark = pytest.mark.process

WEB = Path(__file__).parents[2] / "clients" / "web"
START = {"kind": "start", "name": "Mallory", "token": "", "room": "lobby", "options": {}}
WRITE_WHEN_HIDDEN = """() => {
  self.isAsItWasLeft = true;
  addEventListener("pagehide", () => {
    document.querySelector("#text").value = "at the last moment";
    document.querySelector("#say").requestSubmit();
  }, { once: true });
}"""


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


def test_two_people_talk_on_their_servers_page_one_of_them_outside_a_secure_context(browser: Browser) -> None:
    with page_server("server_sent_events", "--answer-to", "chat.test") as server:
        ada = joined(browser, server.address.replace("127.0.0.1", "chat.test"), "Ada")
        bob = joined(browser, server.address, "Bob")
        assert not ada.evaluate("isSecureContext"), "browsers trust a host name only with TLS"
        ada.fill("#text", "Is this the whole page?")
        expect(bob.locator("#typing")).to_have_text("Ada is typing…")
        ada.get_by_role("button", name="Send").click()
        expect(bob.locator("#messages li span")).to_have_text(["Is this the whole page?"])
        expect(bob.locator("#messages li time")).to_have_text(re.compile(r"\d:\d\d"))
        expect(bob.locator("header")).to_have_text(re.compile(r"lobby\s+Server-Sent Events · connected"))
        expect(ada.locator("#messages li small")).to_have_attribute("aria-label", "read by 1")


@pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda row: row.slug)
def test_over_http2_a_page_opens_its_websocket_beside_it(browser: Browser, transport: Transport) -> None:
    with page_server(transport.slug, "--link", "h2") as server:
        context = browser.new_context(ignore_https_errors=True)
        ada, bob = context.new_page(), context.new_page()
        schemes: list[str] = []
        ada.on("websocket", lambda socket: schemes.append(socket.url.partition(":")[0]))
        enter(ada, server.address, "Ada")
        enter(bob, server.address, "Bob")
        write(ada, "over HTTP/2")
        expect(bob.locator("#messages li span")).to_have_text(["over HTTP/2"])
        protocols = "[...new Set(performance.getEntriesByType('resource').map((entry) => entry.nextHopProtocol))]"
        assert ada.evaluate(protocols) == ["h2"]
        assert schemes == (["wss"] if transport.slug in ("raw_websocket", "pusher_adapter") else [])


def test_a_page_says_why_a_message_was_refused(browser: Browser) -> None:
    with page_server("short_polling") as server:
        ada = joined(browser, server.address, "Ada")
        expect(ada.locator("#text")).to_be_focused()  # so that who has joined can write at once
        ada.locator("#text").evaluate("text => text.removeAttribute('maxlength')")
        write(ada, "x" * 5000)
        expect(ada.locator("#notice")).to_contain_text("at most 4096 bytes")


def test_a_message_of_a_new_log_is_reported_as_read_too(browser: Browser) -> None:
    env, port = {"CHAT_SECRET": "that both servers have" * 2}, str(free_port())
    with page_server("raw_websocket", "--port", port, env=env) as server:
        ada, bob = joined(browser, server.address, "Ada"), joined(browser, server.address, "Bob")
        for number in range(10):  # so the last one has a higher number than any event of the new log
            write(bob, f"number {number}")
        expect(bob.locator("#messages li small").nth(9)).to_have_attribute("aria-label", "read by 1")
    with page_server("raw_websocket", "--port", port, env=env):
        expect(ada.locator("#state")).to_have_text("connected")
        write(bob, "one of a new log")
        expect(bob.locator("#messages li small").nth(10)).to_have_attribute("aria-label", "read by 1")


def test_a_page_reads_over_http_while_the_push_service_is_down(browser: Browser) -> None:
    with push_service() as service:
        env = service_settings(service.address)
        with page_server("pusher_adapter", env=env) as server:
            ada, bob = joined(browser, server.address, "Ada"), joined(browser, server.address, "Bob")
            texts = bob.locator("#messages li span")
            write(ada, "pushed")
            expect(texts).to_have_text(["pushed"])
            service.process.kill()
            write(ada, "read")
            expect(texts).to_have_text(["pushed", "read"])
            write(ada, "read, too")
            expect(texts).to_have_text(["pushed", "read", "read, too"])
            with push_service("--port", env["PUSHER_PORT"]) as revived:
                while stats(revived.address)["subscriptions"] < 2:
                    bob.wait_for_timeout(100)  # lets the pages run
                write(ada, "pushed again")
                expect(texts).to_contain_text(["read, too", "pushed again"])
                assert stats(revived.address)["deliveries"] >= 2


@pytest.mark.parametrize(("variable", "reason"), [("PUSHER_SECRET", "auth for channel"), ("PUSHER_KEY", "unknown app")])
def test_a_page_says_why_the_push_service_refused_it(browser: Browser, variable: str, reason: str) -> None:
    with push_service() as service:
        env = service_settings(service.address)
        service.process.kill()
        service.process.wait()
        changed = started(["servers.pusher_service", "--port", env["PUSHER_PORT"]], env={**ENV, variable: "another"})
        with page_server("pusher_adapter", env=env) as server, changed:
            ada = joined(browser, server.address, "Ada")
            expect(ada.locator("#trouble")).to_contain_text(f"the push service refused: {reason}")


def test_a_page_whose_connection_the_api_has_ended_joins_again_and_is_pushed_to(browser: Browser) -> None:
    with push_service() as service, page_server("pusher_adapter", env=service_settings(service.address)) as server:
        bob = joined(browser, server.address, "Bob")
        ada = browser.new_page()
        with ada.expect_response("**/login") as logged_in:
            enter(ada, server.address, "Ada")
        expect(ada.locator("#members")).to_contain_text("Ada (you)")
        path = f"/apps/{ENV['PUSHER_APP_ID']}/users/lobby.{logged_in.value.json()['user']}/terminate_connections"
        with official_api(service.address) as api, ada.expect_request("**/join"), ada.expect_websocket():
            client = api._pusher_client  # the official library itself posts to a path that the vendor does not have
            client.http.send_request(Request(client, "POST", path))
        while stats(service.address)["subscriptions"] < 2:
            ada.wait_for_timeout(100)  # lets the pages run
        write(bob, "Are you back?")
        expect(ada.locator("#messages li span")).to_have_text(["Are you back?"])


@pytest.mark.parametrize(
    ("http_status", "place", "text"), [(None, "#notice", "no WebSocket"), (403, "#trouble", "responded with 403")]
)
def test_a_page_says_that_its_websocket_was_refused_and_why_if_http_states_a_reason(
    browser: Browser, http_status: int | None, place: str, text: str
) -> None:
    with page_server("raw_websocket") as server:
        target = server.address.removeprefix("http://")
        with ChildProcess(python_module("loadtests.harness.relay", "--to", target, "--refuse-upgrades")) as relay:
            page = browser.new_page()
            if http_status:
                page.route("**/socket", lambda route: route.fulfill(status=http_status, body="Ask your administrator"))
            enter(page, relay.await_ready(READY_S).address, "Ada")
            expect(page.locator(place)).to_contain_text(text)
            assert page.locator("#members li").count() == 0


@pytest.mark.parametrize("transport", ["short_polling", "raw_websocket"])
def test_a_reloaded_page_and_a_second_tab_are_the_same_user(browser: Browser, transport: str) -> None:
    with page_server(transport) as server, browser.new_context() as context:
        page = joined(context, server.address, "Ada")
        write(page, "before")
        expect(page.locator("#messages li span")).to_have_text(["before"])
        page.reload()
        expect(page.locator("#members li")).to_have_text(["Ada (you)"])
        expect(page.locator("#messages li.own span")).to_have_text(["before"])
        second = joined(context, server.address, "Ada")
        expect(second.locator("#members li")).to_have_text(["Ada (you)"])
        stranger = browser.new_page()
        enter(stranger, server.address, "Ada")
        expect(stranger.locator("#trouble")).to_contain_text("in use")
        for name, place, text in (("Ada", "#trouble", "in use"), ("Bob", "#members", "Bob (you)")):
            with stranger.expect_navigation():  # so nothing of the chat that failed is left
                stranger.fill("#name", name)
                stranger.press("#name", "Enter")
            expect(stranger.locator(place)).to_contain_text(text)
        assert stranger.locator("#diagram svg").count() == 1


def test_a_page_that_could_not_be_loaded_offers_no_form(browser: Browser) -> None:
    with page_server("short_polling") as server:
        page = browser.new_page()
        page.route("**/health", lambda route: route.abort())
        page.goto(server.address)
        expect(page.locator("#trouble")).to_be_visible()
        expect(page.locator("#enter")).to_be_hidden()


@pytest.mark.parametrize("command", [*(row.slug for row in TRANSPORTS), "pusher_adapter --presence webhook"])
def test_a_page_that_is_left_is_offline_at_once_and_the_back_button_resumes_it(browser: Browser, command: str) -> None:
    with page_server(*command.split()) as server:
        ada, bob = joined(browser, server.address, "Ada"), joined(browser, server.address, "Bob")
        ada.evaluate(WRITE_WHEN_HIDDEN)
        ada.goto(f"{server.address}/health")
        expect(bob.locator("#members li.offline")).to_have_text(["Ada"])
        write(bob, "while you were away")
        ada.go_back(wait_until="commit")
        assert ada.evaluate("self.isAsItWasLeft")
        expect(ada.locator("#members li.online")).to_have_count(2)
        write(ada, "back again")
        for page in (ada, bob):
            texts = page.locator("#messages li span")
            expect(texts).to_contain_text(["while you were away", "back again"])
            expect(texts.get_by_text("at the last moment")).to_have_count(1)
        ada.close(run_before_unload=True)  # a lease is longer than this test waits
        expect(bob.locator("#members li.offline")).to_have_text(["Ada"], timeout=15_000)


@pytest.mark.drill
@pytest.mark.parametrize("transport", ["long_polling", "raw_websocket", "server_sent_events"])
def test_a_page_notices_that_nothing_is_passed_on_and_loses_no_message(browser: Browser, transport: str) -> None:
    with page_server(transport, "--ping", "1", "--hold", "1") as server:
        target = server.address.removeprefix("http://")
        with ChildProcess(python_module("loadtests.harness.relay", "--to", target)) as relay:
            relay.await_ready(READY_S)
            page = joined(browser, relay.address, "Ada")
            relay.process.send_signal(signal.SIGSTOP)
            write(page, "Does anybody hear me?")
            expect(page.locator("body.is-offline")).to_be_visible(timeout=40_000)
            relay.process.send_signal(signal.SIGCONT)
            expect(page.locator("#messages li span")).to_have_text(["Does anybody hear me?"], timeout=40_000)


def test_a_page_of_another_origin_does_not_control_the_chat_in_its_frame(browser: Browser, tmp_path: Path) -> None:
    with another_origin(tmp_path) as origin, page_server("raw_websocket") as server, browser.new_context() as context:
        load_with_policy(context, "")  # the policy would keep the page out of the frame before the script is asked
        page = frame_and_start(context, origin, server.address)
        ada = joined(context, server.address, "Ada")
        expect(ada.locator("#members li")).to_have_text(["Ada (you)"])
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
    with page_server(transport, "--hold", "60") as server, browser.new_context() as context:
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
