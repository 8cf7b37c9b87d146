"""What is kept of a room ends when nobody reads there any more, and begins again with the next who does."""

import asyncio
from unittest.mock import AsyncMock

import pytest
from msgspec.structs import replace

from servers.core.errors import TooMany
from servers.core.room_feeds import RoomFeeds
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.stores import followed_rooms
from servers.core.stores.followed_rooms import FollowedRooms
from servers.core.stores.postgres import PostgresStore
from servers.core.stores.sqlite import SqliteStore
from servers.core.wire import Cursor
from tests.support.engines import Engines
from tests.support.stores import ADA, draft, join, opened

DEADLINE_S = 10.0
NEVER_S = 3600.0
HELLO = draft("hello")


UNUSED = {"room_feed.PUMP_WAIT_S": 0.01}, 0
TOO_MANY = {"room_feeds.FEEDS_MAX": 10, "room_feeds.UNREAD_S": 0.0}, 10


@pytest.mark.parametrize(("limits", "kept"), [UNUSED, TOO_MANY])
async def test_feeds_that_nobody_reads_end(
    store: Store, monkeypatch: pytest.MonkeyPatch, limits: dict[str, float], kept: int
) -> None:
    for name, limit in limits.items():
        monkeypatch.setattr(f"servers.core.{name}", limit)
    feeds = RoomFeeds(store, Settings(), lambda event: None)
    used = await feeds.open("used")
    waiting = asyncio.create_task(used.wait(used.head, DEADLINE_S))
    await asyncio.sleep(0)
    rooms = [f"room-{n}" for n in range(100)]
    for room in rooms:
        assert (await feeds.open(room)).head == Cursor(store.epoch, 0)
    async with asyncio.timeout(DEADLINE_S):
        while sum(feeds.get(room) is not None for room in rooms) > kept:  # noqa: ASYNC110 (a feed ends without an event)
            await asyncio.sleep(0.01)
    assert feeds.get("used") is used
    await store.append("used", HELLO)
    assert await waiting
    assert (await feeds.open("room-1")).head == Cursor(store.epoch, 0)
    await feeds.close()


async def test_the_embedded_store_notes_few_rooms_and_wakes_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(store, SqliteStore)
    monkeypatch.setattr(followed_rooms, "ROOMS_MAX", 2)
    monkeypatch.setattr(followed_rooms, "UNUSED_S", 0.0)
    rooms = [f"room-{n}" for n in range(20)]
    for seq in range(3):
        waiting = [asyncio.create_task(store.wait(room, Cursor(store.epoch, seq), NEVER_S)) for room in rooms]
        for room in rooms:
            await store.append(room, HELLO)
        assert all(await asyncio.gather(*waiting))
    assert not await store.wait("another", Cursor(store.epoch, 0), 0.0)
    assert list(store._rooms.heads) == ["another"]


async def test_a_shared_room_is_followed_only_while_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed_rooms, "UNUSED_S", 0.0)
    logs = AsyncMock()
    logs.heads.side_effect = lambda rooms: dict.fromkeys(rooms, 1)
    rooms = FollowedRooms(logs.heads, logs.start_new_epoch)
    waiting = asyncio.create_task(rooms.wait("used", Cursor("", 1), DEADLINE_S))
    assert await rooms.wait("once", Cursor("", 0), 0.0)
    await asyncio.sleep(0.01)
    await rooms.refresh()
    assert list(rooms.heads) == ["used"]
    rooms.advance("used", 2)
    assert await waiting
    logs.start_new_epoch.assert_not_awaited()


@pytest.mark.process
async def test_a_refused_join_leaves_no_row_of_its_room(engines: Engines) -> None:
    async with opened(engines.fresh_url("postgresql"), 1) as (store,):
        for room in ("room", "second"):
            await join(store, replace(ADA, room=room))
        refused = replace(ADA, room="third", holder="process")
        with pytest.raises(TooMany):
            await join(store, refused)
        await store.release(refused)  # as the end of a socket does
        assert isinstance(store, PostgresStore)
        rows = await store._pool.fetch("SELECT room FROM rooms ORDER BY room")
    assert [row["room"] for row in rows] == ["room", "second"]
