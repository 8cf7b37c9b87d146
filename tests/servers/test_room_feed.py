"""The room feed: one tail of the log for all readers, none of whom waits for another; unused feeds end."""

import asyncio
from unittest.mock import AsyncMock, patch

import pytest

from servers.core.room_feed import READ_MAX, EncodedPage, RoomFeed, encode_page
from servers.core.room_feeds import RoomFeeds
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.stores import followed_rooms
from servers.core.stores.followed_rooms import FollowedRooms
from servers.core.stores.sqlite import SqliteStore
from servers.core.wire import Cursor, Event, Kind, Page, decode
from tests.support.deadline import DEADLINE_S
from tests.support.stores import draft

HELLO = draft("hello")


def event(seq: int) -> Event:
    return Event("room", seq, Kind.MESSAGE, "ada", "Ada", f"text {seq}", 1_000)


def feed(store: Store, head: int = 0, tail_max: int = 8, page_max: int = 100) -> RoomFeed:
    return RoomFeed("room", Cursor("e", head), store, Settings(tail_max=tail_max, page_max=page_max))


def cursor(seq: int) -> Cursor:
    return Cursor("e", seq)


async def test_a_page_from_the_tail_reads_like_one_from_the_store_and_is_encoded_once(store: Store) -> None:
    tail = feed(store, head=3)
    for seq in (4, 5):
        tail.offer(event(seq))
    page = tail.page(cursor(3))
    assert page and decode(page.body, type=Page) == Page("e", 3, 5, (event(4), event(5)))
    assert (page.after, page.next, page.count) == (cursor(3), cursor(5), 2)
    assert tail.page(cursor(3)) is page


async def test_a_cursor_before_the_tail_beyond_the_head_or_of_another_epoch_gets_no_page(store: Store) -> None:
    tail = feed(store, head=3)
    assert [tail.page(at) for at in (cursor(2), cursor(4), Cursor("f", 3))] == [None] * 3


async def test_the_tail_is_bounded_once_its_events_are_pushed(store: Store) -> None:
    tail = feed(store, tail_max=8)
    for seq in range(1, 100):
        tail.offer(event(seq))
        await asyncio.sleep(0)
    assert tail.head == cursor(99)
    assert tail.page(cursor(99 - 17)) is None
    assert tail.page(cursor(99 - 8)) is not None


def long_event(room: str, seq: int) -> Event:
    """Return an event of the longest text, each character of which takes six bytes of JSON."""
    return Event(room, seq, Kind.MESSAGE, "ada", "Ada", "\x01" * Settings().text_bytes_max, 1_000)


async def test_a_tail_is_bounded_in_bytes_and_so_is_a_page(store: Store) -> None:
    settings = Settings()
    tail = feed(store, tail_max=settings.tail_max)
    for seq in range(1, 500):
        tail.offer(long_event("room", seq))
        await asyncio.sleep(0)
        if seq % 50 == 40:
            pages = [tail.page(cursor(seq - behind)) for behind in range(40)]
            assert max(len(page.body) for page in pages if page) <= settings.page_bytes_max + 200
        assert tail.kept_bytes <= 2 * settings.tail_bytes_max + settings.page_bytes_max + 200
    page = tail.page(cursor(460))
    assert page and 1 < page.count < 39


async def test_all_tails_together_are_bounded_in_bytes_and_the_quiet_ones_are_dropped(store: Store) -> None:
    settings = Settings(tails_bytes_max=2 * 1024 * 1024)
    feeds = RoomFeeds(store, settings, lambda event: None)
    for number in range(50):
        room = await feeds.open(f"room-{number}")
        for seq in range(1, 21):
            room.offer(long_event(f"room-{number}", seq))
            await asyncio.sleep(0)
            assert feeds._total_bytes <= settings.tails_bytes_max
    first, last = feeds.get("room-0"), feeds.get("room-49")
    assert first and first.kept_bytes == 0
    assert last and last.page(Cursor(store.epoch, 19))
    await feeds.close()


async def test_a_page_is_cut_where_it_gets_too_long_but_has_an_event() -> None:
    page = Page("e", 3, 6, tuple(long_event("room", seq) for seq in (4, 5, 6)))
    assert [encode_page(page, limit).next.seq for limit in (1, 25_000, 50_000, 80_000)] == [4, 4, 5, 6]


async def test_what_has_not_been_pushed_is_never_trimmed(store: Store) -> None:
    tail = feed(store, tail_max=8)
    pushed: list[tuple[int, int]] = []

    def push(page: EncodedPage) -> bool:
        pushed.append((page.after.seq, page.next.seq))
        return page.next.seq < 99

    following = asyncio.create_task(tail.follow(cursor(0), push))
    await asyncio.sleep(0)
    for seq in range(1, 100):
        tail.offer(event(seq))
    await asyncio.wait_for(following, DEADLINE_S)
    assert pushed == [(0, 99)]


async def test_a_long_tail_is_read_page_by_page(store: Store) -> None:
    tail = feed(store, tail_max=100, page_max=10)
    for seq in range(1, 26):
        tail.offer(event(seq))
    pages = [tail.page(cursor(seq)) for seq in (0, 10, 20)]
    assert [page and page.count for page in pages] == [10, 10, 5]


async def test_the_pump_reads_an_event_that_was_not_offered(store: Store) -> None:
    tail = RoomFeed("room", await store.head("room"), store, Settings())
    pumping = asyncio.create_task(tail.pump())
    appended = await store.append("room", HELLO)
    assert await asyncio.wait_for(pumping, DEADLINE_S)
    assert tail.head == Cursor(store.epoch, appended.seq)


async def test_an_event_that_is_offered_out_of_order_has_the_gap_before_it_read(store: Store) -> None:
    tail = RoomFeed("room", await store.head("room"), store, Settings())
    await tail.fill_gaps()  # what was committed before the feed: nothing
    filling = asyncio.create_task(tail.fill_gaps())
    _, second = [await store.append("room", HELLO) for _ in range(2)]
    tail.offer(second)
    assert tail.head.seq == 0
    await asyncio.wait_for(filling, DEADLINE_S)
    assert tail.head == Cursor(store.epoch, second.seq)


@pytest.mark.parametrize("turns", range(3))
async def test_a_feed_can_be_stopped_when_it_learns_that_an_event_is_missing(store: Store, turns: int) -> None:
    tail = feed(store)
    await tail.fill_gaps()
    filling = asyncio.create_task(tail.fill_gaps())
    await asyncio.sleep(0)
    tail.offer(event(9))
    for _ in range(turns):
        await asyncio.sleep(0)
    filling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filling


async def test_only_the_newest_events_are_read_again_in_a_log_of_another_epoch() -> None:
    store = AsyncMock()
    store.read.return_value, store.head.return_value = Page("new", 0, 0, ()), Cursor("new", 3 * READ_MAX)
    tail = feed(store)
    assert await tail.pump()
    assert tail.head == Cursor("new", 2 * READ_MAX)


async def test_what_is_committed_while_a_feed_opens_is_found(store: Store) -> None:
    head = store.head

    async def head_and_append(room: str) -> Cursor:
        before = await head(room)
        await store.append(room, HELLO)
        return before

    feeds = RoomFeeds(store, Settings(), lambda event: None)
    with patch.object(store, "head", head_and_append):
        opened = await feeds.open("room")
    await store.append("room", HELLO)
    async with asyncio.timeout(DEADLINE_S):
        while opened.head.seq < 2:
            await opened.wait(opened.head, DEADLINE_S)
    await feeds.close()


async def test_a_reader_that_is_behind_does_not_wait(store: Store) -> None:
    tail = feed(store, head=3)
    await asyncio.wait_for(tail.follow(cursor(1), lambda page: True), DEADLINE_S)
    assert await asyncio.wait_for(tail.wait(cursor(1), 60.0), DEADLINE_S)


async def test_a_feed_is_used_by_its_readers_until_they_end_and_not_by_its_events(store: Store) -> None:
    with patch("servers.core.room_feed.time") as clock:
        clock.monotonic.return_value = 0.0
        tail = feed(store)
        following = asyncio.create_task(tail.follow(cursor(0), lambda page: False))
        await asyncio.sleep(0)
        for now_s, unused_s in ((100.0, 0.0), (200.0, 100.0)):
            clock.monotonic.return_value = now_s
            tail.offer(event(tail.head.seq + 1))
            await asyncio.sleep(0)
            await asyncio.wait_for(following, DEADLINE_S)
            assert tail.unused_s == unused_s


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
    opened = [await feeds.open(room) for room in rooms]
    assert {feed.head for feed in opened} == {Cursor(store.epoch, 0)}
    async with asyncio.timeout(DEADLINE_S):
        while sum(feeds.get(room) is not None for room in rooms) > kept:  # noqa: ASYNC110 (a feed ends without an event)
            await asyncio.sleep(0.01)
    assert all(feed.page(feed.head) for feed in opened), "who still holds a closed feed may read it"
    assert feeds._total_bytes == sum(feed.kept_bytes for feed in map(feeds.get, rooms) if feed)
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
        waiting = [asyncio.create_task(store.wait(room, Cursor(store.epoch, seq), DEADLINE_S)) for room in rooms]
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
