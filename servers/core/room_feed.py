"""The recent end of one room's log, kept once per process, each event encoded once.

Teaches how one log serves a thousand cursors cheaply: those at the head are answered from here, without touching the
store; those further back read the store; and nobody has a queue, so nobody's slowness can cost anyone else anything.
A follower whose line would have to wait is left behind, and catches up from its own cursor.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from servers.core.store import Store
from servers.core.waiters import Waiters
from servers.core.wire import Cursor, Event, Page, encode

PUMP_WAIT_S = 60.0
PAGES_MAX = 16
READ_MAX = 500


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPage:
    """A Page as JSON, ready for any number of readers; equal only to itself. count: how many events it holds."""

    body: bytes
    after: Cursor
    next: Cursor
    count: int


def encode_page(page: Page) -> EncodedPage:
    return EncodedPage(encode(page), Cursor(page.epoch, page.after), page.cursor, len(page.events))


Push = Callable[[EncodedPage], bool]
"""Takes a page without waiting, or refuses it; says False to be left behind."""

Heard = Callable[[Event], None]
"""Takes note of an event that another process has committed."""


class RoomFeed:
    """Hears of new events from this process at once (`offer`), and of everybody else's from the store (`pump`)."""

    def __init__(
        self, room: str, head: Cursor, store: Store, tail_max: int, page_max: int, heard: Heard = lambda event: None
    ) -> None:
        self._room = room
        self._store = store
        self._tail_max = tail_max
        self._page_max = page_max
        self._heard = heard
        self._epoch = head.epoch
        self._base = head.seq
        self._tail: list[bytes] = []
        self._pages: dict[int, EncodedPage] = {}
        self._told = head.seq
        self._flushing = False
        self._followers: dict[Push, asyncio.Future[None]] = {}
        self._waiters = Waiters()

    @property
    def head(self) -> Cursor:
        return Cursor(self._epoch, self._base + len(self._tail))

    def offer(self, event: Event) -> None:
        """Add an event that this process has committed, if it is the next one; otherwise `pump` will find it."""
        if event.seq == self.head.seq + 1:
            self._extend([event])

    def page(self, after: Cursor) -> EncodedPage | None:
        """Return what follows the cursor; None if that lies further back than the tail, or in another epoch."""
        if after.epoch != self._epoch or not self._base <= after.seq <= self.head.seq:
            return None
        page = self._pages.get(after.seq)
        if page is None:
            if len(self._pages) >= PAGES_MAX:
                self._pages.clear()
            page = self._pages[after.seq] = self._encode(after)
        return page

    async def news(self, after: Cursor, timeout_s: float) -> bool:
        """Wait until the head is beyond the cursor; return False if `timeout_s` passed first, or on `wake`."""
        if not self._is_beyond(after):
            await self._waiters.wait(timeout_s)
        return self._is_beyond(after)

    async def follow(self, after: Cursor, push: Push) -> None:
        """Push every new page as it comes, and return when `push` says False; at once if `after` is behind the head.

        Two followers may not share a `push`.
        """
        if after.epoch == self._epoch and after.seq > self._told:  # told within this turn, or read from the store
            await self._waiters.wait(PUMP_WAIT_S)
        if after != Cursor(self._epoch, self._told):
            return
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._followers[push] = left
        try:
            await left
        finally:
            self._followers.pop(push, None)

    def wake(self) -> None:
        """Let all who wait go on, empty-handed: the server is stopping."""
        self._waiters.wake()

    async def pump(self) -> None:
        """Take the next events of other processes from the store, PUMP_WAIT_S at most: to be repeated for ever.

        A head that moved meanwhile was moved by `offer`. If the store has more, the next `wait` returns at once.
        """
        head = self.head
        if await self._store.wait(self._room, head, PUMP_WAIT_S) and self.head == head:
            self._take(await self._store.read(self._room, head, READ_MAX))

    def _is_beyond(self, after: Cursor) -> bool:
        return after.epoch != self._epoch or self.head.seq > after.seq

    def _take(self, page: Page) -> None:
        head = self.head
        if page.epoch != head.epoch or page.after > head.seq:
            self._start_over(Cursor(page.epoch, page.after))
        events = [event for event in page.events if event.seq > self.head.seq]
        for event in events:
            self._heard(event)
        self._extend(events)

    def _start_over(self, base: Cursor) -> None:
        self._epoch, self._base, self._tail, self._told = base.epoch, base.seq, [], base.seq
        self._pages.clear()
        self._waiters.wake()
        for push, left in list(self._followers.items()):
            self._leave_behind(push, left)

    def _extend(self, events: list[Event]) -> None:
        self._tail.extend(encode(event) for event in events)
        self._pages.clear()
        if len(self._tail) > 2 * self._tail_max:  # trimmed now and then, so that most appends move nothing
            surplus = min(len(self._tail) - self._tail_max, self._told - self._base)  # what is untold must stay
            del self._tail[:surplus]
            self._base += surplus
        if events and not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Tell everyone, once for all events of this turn of the loop: what is committed together travels together."""
        self._flushing = False
        self._waiters.wake()
        while self._told < self.head.seq:
            page = self.page(Cursor(self._epoch, self._told))
            assert page is not None
            self._told = page.next.seq
            for push, left in list(self._followers.items()):
                if not push(page):
                    self._leave_behind(push, left)

    def _leave_behind(self, push: Push, left: "asyncio.Future[None]") -> None:
        self._followers.pop(push, None)
        if not left.done():
            left.set_result(None)

    def _encode(self, after: Cursor) -> EncodedPage:
        start = after.seq - self._base
        events = self._tail[start : start + self._page_max]
        following = Cursor(self._epoch, after.seq + len(events))
        body = b'{"type":"page","epoch":%b,"after":%d,"next":%d,"events":[%b]}' % (
            encode(self._epoch),
            after.seq,
            following.seq,
            b",".join(events),
        )
        return EncodedPage(body, after, following, len(events))
