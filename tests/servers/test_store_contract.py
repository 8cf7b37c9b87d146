"""What every store must promise of its log, its leases, names and limits: one suite over all of them."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from servers.core.errors import NameTaken, NotJoined, TooMany, Unavailable
from servers.core.store import Limits, Store
from servers.core.stores.postgres import PostgresStore
from servers.core.stores.redis_streams import RedisStreamsStore
from servers.core.stores.sqlite import SqliteStore
from servers.core.wire import Cursor, Draft, Event, Kind
from tests.support.deadline import DEADLINE_S
from tests.support.stores import ADA, BOB, LIMITS, draft, join, log, opened

Append = tuple[str, str, str]  # a room, a sender and a client_id
APPENDS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(["", "1", "2"])), max_size=30
)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with opened(url, 1) as (store,):
        yield store


async def test_a_page_ends_at_the_limit_and_a_cursor_of_another_epoch_starts_over(store: Store) -> None:
    for n in range(5):
        await store.append("room", draft(str(n)))
    first = await store.read("room", Cursor(store.epoch, 0), 3)
    second = await store.read("room", first.cursor, 3)
    third = await store.read("room", second.cursor, 3)
    assert [len(page.events) for page in (first, second, third)] == [3, 2, 0]
    assert (first.after, first.next, second.after, second.next, third.after, third.next) == (0, 3, 3, 5, 5, 5)
    again = await store.read("room", Cursor("another", 99), 9)
    assert (again.epoch, again.after, again.next) == (store.epoch, 0, 5)


async def test_waiting_returns_at_once_if_there_are_events_and_otherwise_after_its_time(store: Store) -> None:
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
    waiting = asyncio.create_task(store.wait("room", Cursor(store.epoch, 0), 2 * DEADLINE_S))
    await store.head("room")
    await asyncio.sleep(0)
    await store.close()
    await asyncio.wait_for(waiting, DEADLINE_S)
    with pytest.raises(Unavailable):
        await store.append("room", draft("too late"))


async def test_the_log_and_its_epoch_outlast_a_restart(url: str) -> None:
    typing = Draft(Kind.TYPING, "ada", "Ada", "started", 5, expires_at_ms=10)
    async with opened(url, 1) as (store,):
        epoch = store.epoch
        appended = [await store.append("room", each) for each in (draft("\0ü\n", "c1"), typing)]
        assert await log(store) == appended
    async with opened(url, 1) as (again,):
        assert again.epoch == epoch
        assert await log(again) == appended
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
async def test_any_mix_of_appends_reads_as_a_list_without_retries(url: str, appends: list[Append]) -> None:
    async with opened(url, 1) as (store,):
        rooms = {letter: f"{letter}-{secrets.token_hex(4)}" for letter in "ab"}
        firsts: dict[Append, Event] = {}
        for n, (room, sender, client_id) in enumerate(appends):
            appended = await store.append(rooms[room], draft(str(n), client_id, sender))
            first = firsts.setdefault((room, sender, client_id or f"sent {n}"), appended)
            assert appended == first
            assert (first.sender, first.client_id) == (sender, client_id)
            assert int(first.body) <= n
        for letter, room in rooms.items():
            events = [first for key, first in firsts.items() if key[0] == letter]
            assert await log(store, room) == events
            assert [event.seq for event in events] == list(range(1, len(events) + 1))


LONG_MS = 60_000
HOUR_MS = 3_600_000


async def test_members_online_come_first_and_then_those_seen_last(store: Store) -> None:
    leases = [replace(ADA, user=name, name=name, seen_ms=n, expires_at_ms=10_000) for n, name in enumerate("abcdef")]
    for lease in leases:
        await join(store, lease)
    for lease in leases[1:5]:
        await store.release(lease)
    assert [member.user for member in await store.members("room", 4)] == ["a", "d", "e", "f"]
    assert [member.user for member in await store.members("room", 1)] in (["a"], ["f"])
    assert len(await store.members("room", 9)) == 6


async def test_the_end_of_the_longest_lease_takes_its_user_offline_once(store: Store) -> None:
    await join(store, ADA)
    await join(store, replace(ADA, connection="phone", expires_at_ms=1_500))
    await join(store, replace(BOB, expires_at_ms=3_000))
    assert await store.expire(1_999, LONG_MS) == []
    (gone,) = await store.expire(2_000, LONG_MS)
    assert (gone.sender, gone.body, gone.kind) == ("ada", "offline", Kind.PRESENCE)
    assert await store.expire(2_001, LONG_MS) == []
    found = {member.user: (member.online, member.last_seen_ms) for member in await store.members("room", 9)}
    assert found == {"ada": (False, 1_000), "bob": (True, 1_000)}


async def test_when_a_user_was_last_seen_never_goes_back_while_they_are_online(store: Store) -> None:
    async def seen_ms() -> int:
        ((member, _),) = (await store.members("room", 1)).items()
        return member.last_seen_ms

    phone = replace(ADA, connection="phone", seen_ms=1_020, expires_at_ms=2_020)
    for lease in (ADA, phone):
        await join(store, lease)
    for lease in (ADA, phone):
        await store.touch(replace(lease, seen_ms=1_010), LIMITS)
    assert await seen_ms() == 1_020
    await store.release(phone)
    assert await seen_ms() == 1_020
    await store.release(ADA)
    assert await seen_ms() == 1_020


async def test_a_touch_renews_the_lease_or_brings_the_user_back(store: Store) -> None:
    await join(store, ADA)
    assert await store.touch(replace(ADA, seen_ms=1_500, expires_at_ms=3_000), LIMITS) is None
    assert await store.expire(2_500, LONG_MS) == []
    assert len(await store.expire(3_000, LONG_MS)) == 1
    back = await store.touch(replace(ADA, seen_ms=3_500, expires_at_ms=5_000), LIMITS)
    assert back and (back.body, back.at_ms) == ("online", 3_500)


async def test_a_renewal_counts_though_the_clock_was_set_back(store: Store) -> None:
    await join(store, replace(ADA, seen_ms=HOUR_MS + 1_000, expires_at_ms=HOUR_MS + 2_000))
    await store.touch(ADA, LIMITS)
    assert len(await store.expire(2_000, LONG_MS)) == 1


async def test_a_lease_from_the_future_ends_one_lease_after_the_clock_was_set_back(store: Store) -> None:
    await join(store, replace(ADA, seen_ms=HOUR_MS + 1_000, expires_at_ms=HOUR_MS + 2_000))
    assert await store.expire(1_000, 500) == []
    assert not await store.claim_name("Ada", "another", now_ms=1_000, until_ms=1_500)
    assert await store.expire(1_499, 500) == []
    assert len(await store.expire(1_500, 500)) == 1
    assert await store.claim_name("Ada", "another", now_ms=1_500, until_ms=2_000)


async def test_only_a_connection_that_joined_can_be_renewed(store: Store) -> None:
    with pytest.raises(NotJoined):
        await store.touch(ADA, LIMITS)
    await join(store, ADA)
    await store.release(ADA)
    with pytest.raises(NotJoined):
        await store.touch(ADA, LIMITS)
    assert not await store.is_member("room", "ada")


async def test_connections_and_rooms_are_bounded(store: Store) -> None:
    for n in range(3):
        await join(store, replace(ADA, connection=str(n)))
    with pytest.raises(TooMany, match="3 connections"):
        await join(store, replace(ADA, connection="one more"))
    await join(store, replace(ADA, connection="2"))
    await join(store, replace(ADA, room="second"))
    with pytest.raises(TooMany, match="2 already"):
        await join(store, replace(ADA, room="third"))


async def test_the_rooms_of_one_user_are_bounded_also_when_a_renewal_brings_one_back(store: Store) -> None:
    limits = Limits(connections=3, rooms=3, user_rooms=2)
    later = {"seen_ms": 3_000, "expires_at_ms": 4_000}
    leases = [replace(ADA, room=f"room-{n}") for n in range(8)]
    joined = await asyncio.gather(*(store.join(lease, limits) for lease in leases), return_exceptions=True)
    refused = [str(error) for error in joined if isinstance(error, TooMany)]
    assert len(refused) == 6
    assert all("you are online in 2 already" in detail for detail in refused)
    first, second = (lease for lease, event in zip(leases, joined, strict=True) if isinstance(event, Event))
    await store.join(replace(second, connection="phone"), limits)
    await store.expire(ADA.expires_at_ms, LONG_MS)
    for room in ("third", "fourth"):
        await store.join(replace(ADA, room=room, **later), limits)
    with pytest.raises(TooMany, match="online in 2 already"):
        await store.touch(replace(first, **later), limits)
    await store.release(replace(ADA, room="third", **later))
    await store.touch(replace(first, **later), limits)
    with pytest.raises(TooMany, match="online in 2 already"):
        await store.touch(replace(second, **later), limits._replace(rooms=2, user_rooms=3))


async def test_only_connections_whose_leases_run_count(store: Store) -> None:
    for n in range(9):
        await join(store, replace(ADA, connection=str(n), seen_ms=n * 1_000, expires_at_ms=(n + 3) * 1_000))
    with pytest.raises(TooMany):
        await join(store, replace(ADA, connection="9", seen_ms=8_000, expires_at_ms=11_000))
    await join(store, replace(ADA, connection="8", seen_ms=8_000, expires_at_ms=11_000))


async def test_an_empty_room_takes_no_place_and_keeps_its_log(store: Store) -> None:
    await join(store, ADA)
    await store.append("room", draft("kept"))
    await join(store, replace(BOB, room="second"))
    await join(store, replace(BOB, connection="phone"))
    await store.release(ADA)
    with pytest.raises(TooMany):
        await join(store, replace(BOB, room="third"))
    await store.release(replace(BOB, connection="phone"))
    await join(store, replace(BOB, room="third"))
    with pytest.raises(TooMany):
        await join(store, ADA)
    await store.expire(BOB.expires_at_ms, LONG_MS)
    await join(store, replace(ADA, seen_ms=3_000, expires_at_ms=4_000))
    assert "kept" in [event.body for event in await log(store)]


async def test_a_name_is_free_when_its_user_has_left_every_room_with_every_connection(store: Store) -> None:
    async def is_free() -> bool:
        return await store.claim_name("ADA", "another", now_ms=1_001, until_ms=2_001)

    for lease in (ADA, replace(ADA, room="second"), replace(ADA, connection="phone")):
        await join(store, lease)
    await store.release(replace(ADA, room="second"))
    await store.release(replace(ADA, connection="phone"))
    await store.release(replace(BOB, name="Ada"))
    assert not await is_free()
    await store.release(replace(ADA, holder="process"))
    assert not await is_free()
    await store.release(ADA)
    assert await is_free()


async def test_a_refused_join_or_claim_changes_nothing(store: Store) -> None:
    await join(store, ADA)
    with pytest.raises(NameTaken):
        await join(store, replace(BOB, name="ADA", expires_at_ms=1_500))
    assert not await store.claim_name("ADA", "another", now_ms=1_000, until_ms=1_500)
    assert [member.user for member in await store.members("room", 9)] == ["ada"]
    assert not await store.is_member("room", "bob")
    assert not await store.claim_name("Ada", "another", now_ms=1_999, until_ms=3_000)


async def test_a_name_is_free_again_once_its_claim_has_run_out(store: Store) -> None:
    assert await store.claim_name("Ada", "ada", now_ms=1_000, until_ms=2_000)
    assert await store.claim_name("Ada", "ada", now_ms=1_000, until_ms=2_000)
    assert not await store.claim_name("ADA", "another", now_ms=1_999, until_ms=3_000)
    assert await store.claim_name("ada", "another", now_ms=2_000, until_ms=3_000)
    assert not await store.claim_name("Ada", "ada", now_ms=2_500, until_ms=3_500)
    await store.expire(now_ms=3_001, lease_ms=1_000)
    if isinstance(store, SqliteStore):
        assert store._read_connection.execute("SELECT COUNT(*) FROM names").fetchone() == (0,)
    elif isinstance(store, PostgresStore):
        assert await store._pool.fetch("SELECT * FROM names") == []
    elif isinstance(store, RedisStreamsStore):
        assert await store._script._redis.exists("chat:claims", "chat:owners") == 0
