"""All the feeds of one process: a feed is opened by the first request for its room, and closed when it is unused.

Teaches that a cache needs three bounds: of each entry, of all of them together, and of how many there are.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from servers.core import room_feed
from servers.core.errors import ChatError
from servers.core.room_feed import OnEvent, RoomFeed
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.supervised_retry import supervised_retry
from servers.core.wire import Event

RETRY_S = 1.0  # the pause after the store has failed; the log is still there
FEEDS_MAX = 4_000  # how many rooms keep a feed that nobody reads, of 5 kB each without its tail
UNREAD_S = 1.0  # if there are too many feeds, each one that was not read for so long is closed


class RoomFeeds:
    """Feeds by room, each with a task that pumps it. on_foreign_event: see RoomFeed."""

    def __init__(self, store: Store, settings: Settings, on_foreign_event: OnEvent) -> None:
        self._store = store
        self._settings = settings
        self._on_foreign_event = on_foreign_event
        self._feeds: dict[str, RoomFeed] = {}
        self._pumps: dict[RoomFeed, asyncio.Task[None]] = {}
        self._kept_bytes: dict[RoomFeed, int] = {}
        self._total_bytes = 0  # about how much memory all feeds take
        self._gets_all = store.follow(self._add)

    def get(self, room: str) -> RoomFeed | None:
        """Return the room's feed, if it has one already."""
        return self._feeds.get(room)

    def offer(self, event: Event) -> None:
        """Add an event that this process has committed to its room's feed, unless the store has passed it on."""
        if not self._gets_all:
            self._add([event])

    def _add(self, events: Sequence[Event]) -> None:
        for event in events:
            feed = self._feeds.get(event.room)
            if feed and feed.epoch == self._store.epoch:  # otherwise the feed is of a lost log, until its next read
                feed.offer(event)

    async def open(self, room: str) -> RoomFeed:
        """Return the room's feed, created at the store's head if needed."""
        if feed := self._feeds.get(room):
            return feed
        head = await self._store.head(room)
        if room not in self._feeds:  # no other call has created it meanwhile
            self._close_surplus()
            feed = RoomFeed(room, head, self._store, self._settings, self._on_foreign_event, self._bound)
            self._feeds[room] = feed
            pumping = supervised_retry(partial(self._pump, room, feed), RETRY_S, ChatError)
            self._pumps[feed] = asyncio.create_task(pumping)
        return self._feeds[room]

    def _close_surplus(self) -> None:
        """Close the feeds that nobody reads, if there are too many: users may enter and leave any number of rooms."""
        if len(self._feeds) <= FEEDS_MAX:
            return
        for room, feed in list(self._feeds.items()):
            if feed.unused_s > UNREAD_S:
                self._pumps[feed].cancel()
                self._forget(room, feed)

    def _forget(self, room: str, feed: RoomFeed) -> None:
        del self._feeds[room], self._pumps[feed]
        feed.trim(0)
        self._note(feed)

    async def _pump(self, room: str, feed: RoomFeed) -> None:
        await (feed.fill_gaps() if self._gets_all else feed.pump())
        if feed.unused_s > room_feed.PUMP_WAIT_S:
            self._forget(room, feed)
            raise asyncio.CancelledError  # which ends the retrying

    def _bound(self, grown: RoomFeed) -> None:
        """Trim the feeds that have been quiet for longest, if all together take too much."""
        self._note(grown)
        if self._total_bytes <= self._settings.tails_bytes_max:
            return
        for feed in list(self._kept_bytes):
            feed.trim(0)
            self._note(feed)
            if self._total_bytes <= self._settings.tails_bytes_max // 2:
                break

    def _note(self, feed: RoomFeed) -> None:
        kept_bytes = feed.kept_bytes if feed in self._pumps else 0  # a reader may still hold a feed that is closed
        self._total_bytes += kept_bytes - self._kept_bytes.pop(feed, 0)
        if kept_bytes:
            self._kept_bytes[feed] = kept_bytes  # at the end: grown last

    def wake(self) -> None:
        """End all waiting."""
        for feed in self._feeds.values():
            feed.wake()

    async def close(self) -> None:
        """End every task."""
        for pump in self._pumps.values():
            pump.cancel()
        await asyncio.gather(*self._pumps.values(), return_exceptions=True)
