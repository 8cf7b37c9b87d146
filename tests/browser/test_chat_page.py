"""A server's own page is a chat by itself, without a demo around it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from servers.deploy.child_process import started

pytestmark = pytest.mark.process

WEB = Path(__file__).parents[2] / "clients" / "web"


def test_two_people_talk_on_the_page_that_their_server_serves(browser: Browser) -> None:
    with started(["servers", "server_sent_events", "--port", "0", "--web", str(WEB)]) as server:
        pages = []
        for name in ("Ada", "Bob"):
            page = browser.new_page()
            page.goto(server.address)
            page.fill("#name", name)
            page.press("#name", "Enter")
            expect(page.locator("#members")).to_contain_text(f"{name} (you)")
            pages.append(page)
        ada, bob = pages
        ada.fill("#text", "Is this the whole page?")
        expect(bob.locator("#typing")).to_have_text("Ada is typing…")
        ada.press("#text", "Enter")
        expect(bob.locator("#messages li span")).to_have_text(["Is this the whole page?"])
        expect(ada.locator("#messages li small")).to_have_attribute("aria-label", "read by 1")
        for page in pages:
            page.close()


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
