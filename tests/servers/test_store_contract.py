"""What every store must promise of its log: one suite over all of them."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from servers.core.errors import Unavailable
from servers.core.store import Store
from servers.core.wire import Cursor, Draft, Event, Kind
from tests.support.stores import ADA, BOB, draft, join, log, opened

DEADLINE_S = 10.0
APPENDS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(["", "1", "2"])), max_size=30
)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with opened(url, 1) as (store,):
        yield store


async def test_reading_stops_at_the_limit_and_goes_on_from_the_cursor_if_it_is_of_this_epoch(store: Store) -> None:
    for n in range(5):
        await store.append("room", draft(str(n)))
    first = await store.read("room", Cursor(store.epoch, 0), 3)
    second = await store.read("room", first.cursor, 3)
    third = await store.read("room", second.cursor, 3)
    assert [len(page.events) for page in (first, second, third)] == [3, 2, 0]
    assert (first.after, first.next, second.after, second.next, third.after, third.next) == (0, 3, 3, 5, 5, 5)
    again = await store.read("room", Cursor("another", 99), 9)
    assert (again.epoch, again.after, again.next) == (store.epoch, 0, 5)


async def test_waiting_returns_at_once_when_there_is_something_and_else_after_its_time(store: Store) -> None:
    assert not await store.wait("room", Cursor(store.epoch, 0), 0.01)
    await store.append("room", draft("hello"))
    assert await store.wait("room", Cursor(store.epoch, 0), 0.0)
    assert await store.wait("room", Cursor("another", 99), 0.0)


async def test_no_wake_up_is_lost_between_reading_and_waiting(store: Store) -> None:
    cursor = Cursor(store.epoch, 0)
    for n in range(50):
        waiting = (store.wait("room", cursor, DEADLINE_S) for _ in range(20))
        appended, woken = await asyncio.gather(store.append("room", draft(str(n))), asyncio.gather(*waiting))
        assert all(woken)
        cursor = Cursor(store.epoch, appended.seq)


async def test_closing_wakes_those_who_wait(store: Store) -> None:
    waiting = asyncio.create_task(store.wait("room", Cursor(store.epoch, 0), DEADLINE_S))
    await store.head("room")
    await asyncio.sleep(0)
    await store.close()
    await asyncio.wait_for(waiting, DEADLINE_S)
    with pytest.raises(Unavailable):
        await store.append("room", draft("too late"))


async def test_what_was_appended_is_still_there_after_reopening_and_so_is_the_epoch(url: str) -> None:
    typing = Draft(Kind.TYPING, "ada", "Ada", "started", 5, expires_at_ms=10)
    async with opened(url, 1) as (store,):
        appended, epoch = [await store.append("room", each) for each in (draft("\0ü\n", "c1"), typing)], store.epoch
        assert await log(store) == appended
    async with opened(url, 1) as (again,):
        assert (await log(again), again.epoch) == (appended, epoch)
        assert await again.append("room", draft("\0ü\n", "c1")) == appended[0]


async def test_a_receipt_is_added_only_if_it_goes_further_than_the_last(store: Store) -> None:
    await join(store, ADA)
    await join(store, BOB)
    for up_to, sender in ((9, "ada"), (10, "ada"), (3, "ada"), (10, "ada"), (4, "bob")):
        await store.mark_read("room", draft(str(up_to), "", sender, Kind.RECEIPT))
    found = [(event.sender, event.body) for event in (await log(store))[2:]]
    assert found == [("ada", "9"), ("ada", "10"), ("bob", "4")]
    assert {member.user: up_to for member, up_to in (await store.members("room", 9)).items()} == {"ada": 10, "bob": 4}


async def test_a_cancelled_append_neither_breaks_the_log_nor_hides_from_waiters(store: Store) -> None:
    waiting = asyncio.create_task(store.wait("room", Cursor(store.epoch, 0), DEADLINE_S))
    appending = asyncio.create_task(store.append("room", draft("cancelled")))
    await asyncio.sleep(0)
    appending.cancel()
    assert await asyncio.wait_for(waiting, DEADLINE_S)
    assert [event.seq for event in await log(store)] == [1]
    assert (await store.append("room", draft("next"))).seq == 2


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(appends=APPENDS)
@example([("a", "x", "1"), ("a", "x", "1"), ("a", "y", "1"), ("b", "x", "1")])
def test_any_mix_of_appends_reads_as_a_list_without_retries(url: str, appends: list[tuple[str, str, str]]) -> None:
    async def play() -> None:
        async with opened(url, 1) as (store,):
            rooms = {letter: f"{letter}-{secrets.token_hex(4)}" for letter in "ab"}
            firsts: dict[tuple[str, str, str], Event] = {}
            for n, (room, sender, client_id) in enumerate(appends):
                appended = await store.append(rooms[room], draft(str(n), client_id, sender))
                first = firsts.setdefault((room, sender, client_id or f"sent {n}"), appended)
                assert appended == first
                assert (first.sender, first.client_id, int(first.body) <= n) == (sender, client_id, True)
            for letter, room in rooms.items():
                events = [first for key, first in firsts.items() if key[0] == letter]
                assert await log(store, room) == events
                assert [event.seq for event in events] == list(range(1, len(events) + 1))

    asyncio.run(play())
