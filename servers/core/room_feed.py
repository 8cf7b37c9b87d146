"""The newest events of one room's log, kept once per process, each encoded once.

Teaches how one log serves a thousand cursors cheaply: a cursor near the head is served from memory, one further back
from the store. No client has a queue, so a slow client costs the others nothing: a follower whose socket would have to
wait is dropped, and catches up from its own cursor.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from servers.core.settings import Settings
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


def encode_page(page: Page, bytes_max: int) -> EncodedPage:
    """Encode a page, or the beginning of it that fits."""
    return _join(Cursor(page.epoch, page.after), [encode(event) for event in page.events], bytes_max)


def fitting(encoded: Iterable[bytes], bytes_max: int) -> int:
    """Return how many parts, from the first on, fit into `bytes_max` together; at least one, if there is any."""
    count = total = 0
    for part in encoded:
        total += len(part)
        if count and total > bytes_max:
            break
        count += 1
    return count


def _join(after: Cursor, events: Sequence[bytes], bytes_max: int) -> EncodedPage:
    """Make a page of events that are encoded already: as many as fit, but at least one."""
    events = events[: fitting(events, bytes_max)]
    following = Cursor(after.epoch, after.seq + len(events))
    fields = (encode(after.epoch), after.seq, following.seq, b",".join(events))
    body = b'{"type":"page","epoch":%b,"after":%d,"next":%d,"events":[%b]}' % fields
    return EncodedPage(body, after, following, len(events))


Push = Callable[[EncodedPage], bool]  # accepts a page without waiting, or returns False: then its follower is dropped
OnEvent = Callable[[Event], None]
OBJECT_BYTES = 100  # about how many bytes Python adds to those of an event


class RoomFeed:
    """The tail of a log: `offer` adds the events of this process at once, `pump` reads those of others from the store.

    on_foreign_event: called with each event that another process has committed. on_growth: called when `kept_bytes`
    has grown.
    """

    def __init__(
        self,
        room: str,
        head: Cursor,
        store: Store,
        settings: Settings,
        on_foreign_event: OnEvent = lambda event: None,
        on_growth: "Callable[[RoomFeed], None]" = lambda feed: None,
    ) -> None:
        self._room = room
        self._store = store
        self._settings = settings
        self._on_foreign_event = on_foreign_event
        self._on_growth = on_growth
        self._pages: dict[int, EncodedPage] = {}
        self._flush_is_due = False
        self._followers: dict[Push, asyncio.Future[None]] = {}
        self._waiters = Waiters()
        self._has_gap = asyncio.Event()
        self._has_gap.set()  # events may have been committed since `head` was read
        self._used_s = time.monotonic()
        self._start_over(head)

    @property
    def head(self) -> Cursor:
        return Cursor(self.epoch, self._base + len(self._tail))

    @property
    def unused_s(self) -> float:
        """For how long nobody has read or waited here."""
        return 0.0 if self._followers or self._waiters else time.monotonic() - self._used_s

    @property
    def kept_bytes(self) -> int:
        """About how many bytes of memory the tail and the encoded pages take."""
        return self._tail_bytes + self._pages_bytes

    def offer(self, event: Event) -> None:
        """Add an event that this process has committed, if it is the next one; otherwise a pump will find it."""
        following = self._base + len(self._tail) + 1
        if event.seq == following:
            self._extend([event])
        elif event.seq > following:
            self._has_gap.set()

    def page(self, after: Cursor) -> EncodedPage | None:
        """Return the events after the cursor; None if the cursor is older than the tail, or in another epoch."""
        self._used_s = time.monotonic()
        return self._page(after)

    def _page(self, after: Cursor) -> EncodedPage | None:
        start = after.seq - self._base
        if after.epoch != self.epoch or not 0 <= start <= len(self._tail):
            return None
        page = self._pages.get(after.seq)
        if page is None:
            page = _join(after, self._tail[start : start + self._settings.page_max], self._settings.page_bytes_max)
            if len(self._pages) >= PAGES_MAX or self._pages_bytes > self._settings.tail_bytes_max:
                self._clear_pages()
            self._pages[after.seq] = page
            self._pages_bytes += len(page.body)
            self._on_growth(self)
        return page

    async def wait(self, after: Cursor, timeout_s: float) -> bool:
        """Wait until the head is beyond the cursor, for `timeout_s` or until `wake`; return whether it is."""
        if not self._is_beyond(after):
            await self._waiters.wait(timeout_s)
        return self._is_beyond(after)

    async def follow(self, after: Cursor, push: Push) -> None:
        """Push every new page as it comes, and return when `push` returns False; at once if `after` is behind the head.

        Two followers may not share a `push`.
        """
        if after.epoch == self.epoch and after.seq > self._flushed:  # committed in this turn, or read from the store
            await self._waiters.wait(PUMP_WAIT_S)
        if after != Cursor(self.epoch, self._flushed):
            return
        dropped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._followers[push] = dropped
        try:
            await dropped
        finally:
            self._followers.pop(push, None)
            self._used_s = time.monotonic()

    def wake(self) -> None:
        """End all waiting: the server is stopping."""
        self._waiters.wake()

    async def pump(self, wait_s: float = PUMP_WAIT_S) -> bool:
        """Wait for events of other processes, and read them from the store; return whether there were any.

        Call it repeatedly. If the head moved meanwhile, `offer` has moved it, and nothing is read: the next call finds
        at once what the store has beyond it. In a log of another epoch it finds the newest READ_MAX events.
        """
        head = self.head
        is_behind = await self._store.wait(self._room, head, wait_s)
        if is_behind and self.head == head:
            page = await self._store.read(self._room, head, READ_MAX)
            if page.epoch == head.epoch:
                self._add_page(page)
            else:
                newest = await self._store.head(self._room)
                self._start_over(Cursor(newest.epoch, max(0, newest.seq - READ_MAX)))
        return is_behind

    async def fill_gaps(self) -> None:
        """Pump, but only when an event is missing: for a store that offers every event. Call it repeatedly."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PUMP_WAIT_S):  # before Python 3.12, wait_for may swallow a cancellation
                await self._has_gap.wait()
        self._has_gap.clear()
        try:
            while await self.pump(0.0):
                pass
        except BaseException:
            self._has_gap.set()
            raise

    def _is_beyond(self, after: Cursor) -> bool:
        return after.epoch != self.epoch or self._base + len(self._tail) > after.seq

    def _add_page(self, page: Page) -> None:
        if page.after > self.head.seq:
            self._start_over(Cursor(page.epoch, page.after))
        events = [event for event in page.events if event.seq > self.head.seq]
        for event in events:
            self._on_foreign_event(event)
        self._extend(events)

    def _start_over(self, base: Cursor) -> None:
        self.epoch = base.epoch
        self._base = self._flushed = base.seq
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._clear_pages()
        self._waiters.wake()
        for push in list(self._followers):
            self._drop(push)

    def trim(self, bytes_max: int) -> None:
        """Keep the newest events that fit, `tail_max` at most, and all events that are not pushed yet."""
        fitting_count = fitting_bytes = 0
        for event in reversed(self._tail[-self._settings.tail_max :]):
            fitting_bytes += len(event) + OBJECT_BYTES
            if fitting_bytes > bytes_max:
                break
            fitting_count += 1
        surplus = min(len(self._tail) - fitting_count, self._flushed - self._base)
        self._tail_bytes -= sum(len(event) + OBJECT_BYTES for event in self._tail[:surplus])
        del self._tail[:surplus]
        self._base += surplus
        self._clear_pages()

    def _clear_pages(self) -> None:
        self._pages.clear()
        self._pages_bytes = 0

    def _extend(self, events: list[Event]) -> None:
        encoded = [encode(event) for event in events]
        self._tail += encoded
        self._tail_bytes += sum(map(len, encoded)) + OBJECT_BYTES * len(encoded)
        self._clear_pages()
        bytes_max = self._settings.tail_bytes_max
        if len(self._tail) > 2 * self._settings.tail_max or self._tail_bytes > bytes_max:
            self.trim(bytes_max // 2)  # now and then, so that most appends move nothing
        self._on_growth(self)
        if events and not self._flush_is_due:
            self._flush_is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Wake the waiters and push to the followers, once for all events of this turn of the event loop."""
        self._flush_is_due = False
        self._waiters.wake()
        while self._flushed < self._base + len(self._tail):
            page = self._page(Cursor(self.epoch, self._flushed))  # which is no use of the feed
            assert page is not None
            self._flushed = page.next.seq
            for push in list(self._followers):
                if not push(page):
                    self._drop(push)

    def _drop(self, push: Push) -> None:
        dropped = self._followers.pop(push, None)
        if dropped is not None and not dropped.done():
            dropped.set_result(None)
