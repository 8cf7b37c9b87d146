"""A server's own page is a chat by itself, without a demo around it."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from servers.deploy.child_process import started
from tests.support.pusher_process import ENV, push_service

pytestmark = pytest.mark.process

WEB = Path(__file__).parents[2] / "clients" / "web"


def test_two_people_talk_on_the_page_that_their_server_serves(browser: Browser) -> None:
    with started(["servers", "server_sent_events", "--port", "0", "--web", str(WEB)]) as server:
        ada, bob = pages = [_joined(browser, server.address, name) for name in ("Ada", "Bob")]
        ada.fill("#text", "Is this the whole page?")
        expect(bob.locator("#typing")).to_have_text("Ada is typing…")
        ada.press("#text", "Enter")
        expect(bob.locator("#messages li span")).to_have_text(["Is this the whole page?"])
        expect(ada.locator("#messages li small")).to_have_attribute("aria-label", "read by 1")
        for page in pages:
            page.close()


def test_a_page_reads_over_http_while_the_push_service_is_down(browser: Browser) -> None:
    with push_service() as service:
        host, _, port = service.address.removeprefix("http://").partition(":")
        env = {**ENV, "PUSHER_HOST": host, "PUSHER_PORT": port}
        with started(["servers", "pusher_adapter", "--port", "0", "--web", str(WEB)], env=env) as server:
            ada, bob = _joined(browser, server.address, "Ada"), _joined(browser, server.address, "Bob")
            for n, act in enumerate((None, service.process.kill, None)):
                if act is not None:
                    act()
                ada.fill("#text", f"message {n}")
                ada.press("#text", "Enter")
                expect(bob.locator("#messages li span")).to_have_text([f"message {number}" for number in range(n + 1)])
            with push_service("--port", port) as revived:
                while httpx.get(f"{revived.address}/stats", trust_env=False).json()["subscriptions"] < 2:
                    bob.wait_for_timeout(100)  # lets the pages run
                ada.fill("#text", "pushed")
                ada.press("#text", "Enter")
                expect(bob.locator("#messages li span")).to_contain_text(["message 2", "pushed"])
                assert httpx.get(f"{revived.address}/stats", trust_env=False).json()["deliveries"] >= 2
            ada.close()
            bob.close()


def _joined(browser: Browser, address: str, name: str) -> Page:
    page = browser.new_page()
    page.goto(address)
    page.fill("#name", name)
    page.press("#name", "Enter")
    expect(page.locator("#members")).to_contain_text(f"{name} (you)")
    return page


def test_a_name_in_use_is_refused_in_words(browser: Browser) -> None:
    with started(["servers", "raw_websocket", "--port", "0", "--web", str(WEB)]) as server:
        first, second = browser.new_page(), browser.new_page()
        for page in (first, second):
            page.goto(server.address)
            page.fill("#name", "Ada")
            page.press("#name", "Enter")
            if page is first:
                expect(page.locator("#members")).to_contain_text("Ada (you)")
        expect(second.locator("#trouble")).to_contain_text("in use")
        first.close()
        second.close()
