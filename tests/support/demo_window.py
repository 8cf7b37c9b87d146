"""The demo, and a window of it as a person uses it: what they write, press and see."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Frame, Locator, Page, Request, expect

from servers.deploy.child_process import started
from tests.support.deadline import DEADLINE_S

SCREEN = {"width": 1800, "height": 1100}
"""So large that every lane's frame is in sight: a browser draws no other."""

NETWORK = ("Failed to load resource", "WebSocket connection to")
"""How a browser itself reports a lost connection; a page cannot prevent that."""

ANSWERS = {
    "Short polling": r"\d+ of \d+ requests brought nothing",
    "WebSocket": r"longest (?:[2-9]|\d\d)[\d.]* s with the cut",
    "HTTPS and HTTP/2": "committed measurement",
}
"""What the answer to a step of the tour contains at last, by the start of the step's title; the others: a figure."""

SERVERLESS = "Serverless"
PUSHER_JS = "/pusher.min.js"
CLOSED = "WebSocket is already in CLOSING or CLOSED state"
"""How a browser reports that pusher-js writes to a lost connection: it does so one turn after it has looked."""


@contextmanager
def running_demo(web: Path | None = None) -> Iterator[str]:
    """Run the demo until the block ends; yields the address of its page. web: in place of clients/web."""
    with started(["servers.demo", "--port", "0", *(["--web", str(web)] if web else [])]) as demo:
        yield demo.address


class Window:
    """A window of the demo, used as a person would.

    errors: what its console reported. hosts: where it sent requests. paths: those that it requested, by port.
    """

    def __init__(
        self, browser: Browser, address: str, name: str = "", query: str = "quiet", **settings: object
    ) -> None:
        self.page: Page = browser.new_page(**{"viewport": SCREEN, **settings})  # type: ignore[arg-type]
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        self.paths: dict[int | None, list[str]] = {}
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._on_request)
        named = f"name={name}" if name else ""
        self.page.goto(f"{address}/?{'&'.join(filter(None, (named, query)))}")
        entered, is_full = self.page.locator("#text:enabled"), self.page.get_by_text("close one first")
        deadline_s = monotonic() + DEADLINE_S
        expect(entered.or_(is_full)).to_be_visible()
        while is_full.is_visible():  # for some seconds a demo keeps the windows whose pages were closed
            assert monotonic() < deadline_s, "no window is freed"
            self.page.reload()
            expect(entered.or_(is_full)).to_be_visible()

    @property
    def slugs(self) -> list[str]:
        """The lanes, from left to right."""
        return [str(card.get_attribute("id")) for card in self.page.locator(".lane").all()]

    def write(self, text: str) -> None:
        """Write a message to all lanes."""
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def press(self, button: str) -> None:
        """Press a button by its text."""
        self.page.get_by_role("button", name=button).click()

    def card(self, slug: str) -> Locator:
        return self.page.locator(f"#{slug}")

    def room(self, slug: str, part: str) -> Locator:
        """Return a part of the chat within a lane."""
        return self.page.frame_locator(f"#{slug} iframe").locator(part)

    def frame(self, slug: str) -> Frame:
        """Return a lane's frame."""
        content = self.page.locator(f"#{slug} iframe").element_handle().content_frame()
        assert content
        return content

    def shown(self, slug: str, texts: Collection[str]) -> list[str]:
        """Return the messages with these texts that a lane shows, oldest first."""
        return [text for text in self.room(slug, "#messages li span").all_inner_texts() if text in texts]

    def expect_last(self, text: str, *slugs: str) -> None:
        """Wait until the last message of each of these lanes is this one; fails with the error that its page shows."""
        for slug in slugs:
            try:
                expect(self.room(slug, "#messages li span").last).to_have_text(text)
            except AssertionError as error:
                raise AssertionError(f"{slug}: {self.room(slug, '#trouble').inner_text()!r}") from error

    def figure(self, slug: str, name: str) -> str:
        """Return a counter as it is shown."""
        return self.card(slug).locator(f"[data-figure={name}]").inner_text()

    def colour(self, slug: str, part: str) -> str:
        """Return the colour in which a part of a lane's card is written."""
        return str(self.card(slug).locator(part).evaluate("(node) => getComputedStyle(node).color"))

    def requests_to(self, slug: str) -> list[str]:
        """Return the paths of the lane's requests that belong to the chat."""
        port = urlsplit(self.frame(slug).url).port
        return [path for path in self.paths.get(port, []) if not path.startswith(("/web/", "/health"))]

    def walk_tour(self, steps: int, never: str) -> list[str]:
        """Walk the tour to its end by keyboard, and return its titles; no answer contains what matches `never`."""
        titles = [self._take_step(f"Step {place} of {steps}", re.compile(never)) for place in range(1, steps + 1)]
        expect(self.page.locator("#tour")).to_be_hidden()
        assert {*ANSWERS, SERVERLESS} <= {title.partition(":")[0] for title in titles}
        return titles

    def _take_step(self, place: str, never: re.Pattern[str]) -> str:
        """Wait for the answer to a step of the tour, then go to the next one; return the step's title."""
        title, answer = self.page.locator("#tour-title"), self.page.locator("#tour-answer")
        expect(self.page.locator("#tour-place")).to_have_text(place)
        expect(title).to_be_focused()
        text = title.inner_text()
        subject, _, _ = text.partition(":")
        expect(answer).to_have_text(re.compile(ANSWERS.get(subject, r"\d")))
        expect(answer).not_to_have_text(never)
        for slug in self.slugs:
            expect(self.card(slug).locator("h2")).to_be_in_viewport(ratio=1)
        if subject == SERVERLESS:
            expect(self.card("long_polling").locator("[data-figure=cuts]")).not_to_have_text("0")
        self.page.keyboard.press("ArrowRight")
        return text

    def close(self) -> None:
        """Close the window, as a person does."""
        self.page.close(run_before_unload=True)

    def _on_console(self, message: ConsoleMessage) -> None:
        script = urlsplit(message.location["url"]).path
        is_expected = message.text.startswith(NETWORK) or (message.text.startswith(CLOSED) and PUSHER_JS in script)
        if message.type in ("error", "warning") and not is_expected:
            self.errors.append(f"{message.text} ({script})")

    def _on_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.hostname:
            self.hosts.add(url.hostname)
            self.paths.setdefault(url.port, []).append(url.path)
