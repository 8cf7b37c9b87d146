"""All the feeds of one process: a room gets its own when somebody first asks about it."""

import asyncio

from servers.core.errors import ChatError
from servers.core.room_feed import Heard, RoomFeed
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.supervised_retry import supervised_retry

RETRY_S = 1.0
"""How soon a pump goes on after the store has failed; the log is still there."""


class RoomFeeds:
    """Feeds by room, each with the pump that follows the store for it. `heard` is told what comes from elsewhere."""

    def __init__(self, store: Store, settings: Settings, heard: Heard) -> None:
        self._store = store
        self._settings = settings
        self._heard = heard
        self._feeds: dict[str, RoomFeed] = {}
        self._pumps: set[asyncio.Task[None]] = set()

    def get(self, room: str) -> RoomFeed | None:
        """Return the room's feed, if it has one already."""
        return self._feeds.get(room)

    async def open(self, room: str) -> RoomFeed:
        """Return the room's feed, made from the store's head if need be."""
        if feed := self._feeds.get(room):
            return feed
        head = await self._store.head(room)
        if room not in self._feeds:  # nobody else made it meanwhile
            sizes = self._settings.tail_max, self._settings.page_max
            self._feeds[room] = RoomFeed(room, head, self._store, *sizes, self._heard)
            self._pumps.add(asyncio.create_task(supervised_retry(self._feeds[room].pump, RETRY_S, ChatError)))
        return self._feeds[room]

    def wake(self) -> None:
        """Let all who wait go on, empty-handed."""
        for feed in self._feeds.values():
            feed.wake()

    async def close(self) -> None:
        """End every pump."""
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
