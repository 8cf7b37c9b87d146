"""A window on the demo, as a person uses it: what they write, press and see."""

from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Frame, Locator, Page, Request, expect

READY_MS = 60_000
SEEN_MS = 30_000
NETWORK = ("Failed to load resource", "WebSocket connection to")
"""How a browser itself tells of a line that was cut; a page cannot keep it from saying so."""


class Window:
    """troubles: what went wrong in it. hosts: whom it talked to. asked: requests so far, by port."""

    def __init__(self, browser: Browser, address: str, name: str = "", query: str = "", **settings: object) -> None:
        self.page: Page = browser.new_page(**settings)  # type: ignore[arg-type]
        self.page.set_default_timeout(SEEN_MS)
        self.troubles: list[str] = []
        self.hosts: set[str] = set()
        self.asked: dict[int | None, list[str]] = {}
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", self._note)
        named = f"name={name}" if name else ""
        self.page.goto(f"{address}/?{'&'.join(filter(None, (named, query)))}")
        expect(self.page.locator("#text")).to_be_enabled(timeout=READY_MS)

    @property
    def slugs(self) -> list[str]:
        """The lanes, from left to right."""
        return [str(card.get_attribute("id")) for card in self.page.locator(".lane").all()]

    def write(self, text: str) -> None:
        """Write a message to all lanes."""
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def press(self, button: str) -> None:
        """Press a control by what stands on it."""
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

    def messages(self, slug: str) -> list[str]:
        """Return what was said in a lane, oldest first."""
        return self.room(slug, "#messages li span").all_inner_texts()

    def expect_last(self, slug: str, text: str) -> None:
        """Wait until a lane's last message is this one."""
        expect(self.room(slug, "#messages li span").last).to_have_text(text, timeout=SEEN_MS)

    def expect_all_seen(self) -> None:
        """Wait until each lane has shown all that was written here."""
        for slug in self.slugs:
            expect(self.card(slug).locator(".latest span")).to_have_text("all", timeout=SEEN_MS, use_inner_text=False)

    def figure(self, slug: str, name: str) -> str:
        """Return a counter as it is shown."""
        return self.card(slug).locator(f"[data-figure={name}]").inner_text()

    def asked_of(self, slug: str) -> list[str]:
        """Return the paths that the lane's client has asked for, of the chat alone."""
        port = urlsplit(self.frame(slug).url).port
        return [path for path in self.asked.get(port, []) if not path.startswith(("/web/", "/health"))]

    def close(self) -> None:
        """Close the window, as a person does."""
        self.page.close(run_before_unload=True)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning") and not said.text.startswith(NETWORK):
            self.troubles.append(said.text)

    def _note(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.hostname:
            self.hosts.add(url.hostname)
            self.asked.setdefault(url.port, []).append(url.path)
