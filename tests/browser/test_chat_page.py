"""A server's own page is a chat by itself, without a demo around it."""

import re
import signal

import pytest
from playwright.sync_api import Browser, expect
from pusher.http import Request

from servers.deploy.child_process import READY_S, ChildProcess, free_port, python_module
from servers.transports import TRANSPORTS, Transport
from tests.support.chat_page import enter, joined, page_server, until, write
from tests.support.guest import stats
from tests.support.pusher_process import ENV, official_api, push_service, service_settings

pytestmark = pytest.mark.process

SUBSCRIPTIONS = 4
"""Those of two pages at the push service: each subscribes to its room and to its user."""

WRITE_WHEN_HIDDEN = """() => {
  self.isAsItWasLeft = true;
  addEventListener("pagehide", () => {
    document.querySelector("#text").value = "at the last moment";
    document.querySelector("#say").requestSubmit();
  }, { once: true });
}"""


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
                until(bob, lambda: stats(revived.address)["subscriptions"] == SUBSCRIPTIONS)
                write(ada, "pushed again")
                expect(texts).to_contain_text(["read, too", "pushed again"])
                assert stats(revived.address)["deliveries"] >= 2


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
        until(ada, lambda: stats(service.address)["subscriptions"] == SUBSCRIPTIONS)
        write(bob, "Are you back?")
        expect(ada.locator("#messages li span")).to_have_text(["Are you back?"])


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


@pytest.mark.parametrize("command", [*(row.slug for row in TRANSPORTS), "pusher_adapter --presence webhook"])
def test_a_page_that_is_left_is_offline_at_once_and_the_back_button_resumes_it(browser: Browser, command: str) -> None:
    with page_server(*command.split(), "--lease", "300") as server:  # longer than this test waits
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
        ada.close(run_before_unload=True)
        expect(bob.locator("#members li.offline")).to_have_text(["Ada"])


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
            expect(page.locator("body.is-offline")).to_be_visible()
            relay.process.send_signal(signal.SIGCONT)
            expect(page.locator("#messages li span")).to_have_text(["Does anybody hear me?"])
