"""Promises of stores that several processes share: two stores over one engine, and an engine that fails.

Each process is a Store of its own here, with its own connections to a real engine.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from itertools import count
from typing import Any

import pytest
import redis
from msgspec.structs import replace

from servers.core.errors import TooMany, Unavailable
from servers.core.store import DELETE_AFTER_MS, Store, open_store
from servers.core.stores import postgres_listener, redis_streams
from servers.core.stores.postgres import PostgresStore
from servers.core.stores.postgres_listener import PostgresListener
from servers.core.stores.redis_streams import RedisStreamsStore
from servers.core.stores.shielded import Shielded
from servers.core.wire import Cursor
from servers.deploy.engines import ENGINES
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines, answered, psql
from tests.support.stores import ADA, draft, join, log, opened

pytestmark = pytest.mark.process
LONG_MS = 60_000


@pytest.fixture(params=ENGINES)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def stores(url: str) -> AsyncIterator[list[Store]]:
    async with opened(url) as found:
        yield found


def empty(url: str) -> None:
    """Lose everything, as an emptied Redis or a database that was created again has."""
    if url.startswith("redis"):
        with redis.Redis.from_url(url) as client:
            client.flushdb()
    else:
        psql(url, "DROP SCHEMA chat CASCADE")


def lose_the_end(url: str, kept: int) -> None:
    """Lose the room's events beyond `kept`, as a failover to a replica that lagged would."""
    if url.startswith("redis"):
        with redis.Redis.from_url(url) as client:
            newer = [entry for entry, _ in client.xrange("chat:events:room", min=f"{kept + 1}-0")]
            client.xdel("chat:events:room", *newer)
            client.set("chat:head:room", kept)
    else:
        psql(url, f"DELETE FROM chat.events WHERE seq > {kept}; UPDATE chat.rooms SET head = {kept}")


async def test_the_numbers_of_two_processes_have_no_gap_and_come_in_order(stores: list[Store]) -> None:
    seen: list[int] = []

    async def watch() -> None:
        after = Cursor(stores[1].epoch, 0)
        while len(seen) < 200:
            await stores[1].wait("room", after, DEADLINE_S)
            page = await stores[1].read("room", after, 50)
            seen.extend(event.seq for event in page.events)
            after = page.cursor

    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(watch(), *(stores[n % 2].append("room", draft(str(n))) for n in range(200)))
    assert seen == list(range(1, 201))


async def test_a_send_retried_at_another_process_returns_the_first_event(stores: list[Store]) -> None:
    events = await asyncio.gather(*(stores[n % 2].append("room", draft("once", "same")) for n in range(20)))
    assert set(events) == {events[0]}
    assert await log(stores[0]) == [events[0]]


@pytest.mark.parametrize("scheme", ["postgresql"])
async def test_a_refused_join_leaves_no_row_of_its_room(stores: list[Store]) -> None:
    store = stores[0]
    for room in ("room", "second"):
        await join(store, replace(ADA, room=room))
    refused = replace(ADA, room="third", holder="process")
    with pytest.raises(TooMany):
        await join(store, refused)
    await store.release(refused)  # as the end of a socket does
    assert isinstance(store, PostgresStore)
    rows = await store._pool.fetch("SELECT room FROM rooms ORDER BY room")
    assert [row["room"] for row in rows] == ["room", "second"]


async def test_exactly_one_of_two_processes_returns_an_expired_lease(stores: list[Store]) -> None:
    for n in range(20):
        await join(stores[n % 2], replace(ADA, user=f"user-{n}", name=f"User {n}"))
    expired = await asyncio.gather(*(store.expire(2_000, LONG_MS) for store in stores))
    gone = [event.sender for events in expired for event in events]
    assert sorted(gone) == sorted(f"user-{n}" for n in range(20))
    assert [event.body for event in await log(stores[0])].count("offline") == 20


async def test_what_expires_before_a_failure_is_returned(stores: list[Store], monkeypatch: pytest.MonkeyPatch) -> None:
    store = stores[0]
    for n in range(3):
        await join(store, replace(ADA, user=f"user-{n}", name=f"User {n}"))
    run = Shielded.run
    commands = count()

    async def fail_from_the_second_on(self: Shielded, command: Coroutine[Any, Any, Any]) -> Any:
        if next(commands) == 0:
            return await run(self, command)
        command.close()
        raise Unavailable("store: gone")

    monkeypatch.setattr(redis_streams, "EXPIRE_MAX", 1)
    with monkeypatch.context() as failing:
        failing.setattr(Shielded, "run", fail_from_the_second_on)
        gone = [event.sender for event in await store.expire(2_000, LONG_MS)]
    assert len(gone) == 1
    gone += [event.sender for event in await store.expire(2_000, LONG_MS)]
    assert sorted(gone) == ["user-0", "user-1", "user-2"]


async def test_processes_that_open_an_empty_database_at_once_agree_on_the_epoch(url: str) -> None:
    stores = await asyncio.gather(*(open_store(url) for _ in range(4)))
    assert len({store.epoch for store in stores}) == 1
    await asyncio.gather(*(store.close() for store in stores))


@pytest.mark.parametrize("scheme", ["postgresql"])
async def test_a_lost_notification_costs_one_interval_at_most(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PostgresListener, "hint", lambda self, room, seq: None)
    monkeypatch.setattr(postgres_listener, "REREAD_S", 0.2)
    async with opened(url) as (one, other):
        assert not await other.wait("room", Cursor(other.epoch, 0), 0.0)  # from now on it follows the room
        waiting = asyncio.create_task(other.wait("room", Cursor(other.epoch, 0), DEADLINE_S))
        await one.append("room", draft("no hint"))
        assert await waiting


@pytest.mark.parametrize("scheme", ["postgresql"])
async def test_a_hint_of_another_log_is_ignored(url: str, stores: list[Store]) -> None:
    one, other = stores
    start = Cursor(one.epoch, 0)
    ignoring, woken = (asyncio.create_task(one.wait(room, start, DEADLINE_S)) for room in ("room", "next"))
    await asyncio.to_thread(psql, url, "SELECT pg_notify('chat', 'lost 99 room')")
    await other.append("next", draft("whose hint follows"))
    assert await woken
    assert not ignoring.done()
    ignoring.cancel()


async def test_an_emptied_store_is_another_log_for_every_process(url: str, stores: list[Store]) -> None:
    one, other = stores
    epoch = one.epoch
    await join(one, ADA)
    for n in range(3):
        await one.append("room", draft(str(n)))
    waiting = asyncio.create_task(other.wait("room", Cursor(epoch, 4), DEADLINE_S))
    await asyncio.sleep(0)
    await asyncio.to_thread(empty, url)
    assert await waiting
    assert (await answered(lambda: one.append("room", draft("new")))).seq == 1
    page = await answered(lambda: other.read("room", Cursor(epoch, 4), 10))
    assert one.epoch == other.epoch == page.epoch != epoch
    assert [event.body for event in page.events] == ["new"]
    assert not await other.is_member("room", "ada")


async def test_a_log_that_has_lost_its_end_is_another_log(url: str, stores: list[Store]) -> None:
    one, other = stores
    epoch = one.epoch
    for n in range(5):
        await one.append("room", draft(str(n)))
    waiting = asyncio.create_task(other.wait("room", Cursor(epoch, 5), DEADLINE_S))
    assert not await other.wait("room", Cursor(epoch, 5), 0.1)
    await asyncio.to_thread(lose_the_end, url, 3)
    assert await waiting
    page = await other.read("room", Cursor(epoch, 5), 10)
    assert page.epoch == other.epoch != epoch
    assert [event.body for event in page.events] == ["0", "1", "2"]


async def test_one_command_of_redis_removes_a_bounded_number_of_events_leases_and_claims(engines: Engines) -> None:
    url = engines.fresh_url("redis")
    async with opened(url, 1) as (many,), opened(url + "?kept=10", 1) as (few,):
        for store, count in ((many, 300), (few, 20)):
            await asyncio.gather(*(store.append("room", draft("hello")) for _ in range(count)))
        assert len(await log(few)) == 320 - 4 * 64
        for n in range(3):
            await join(few, replace(ADA, user=f"user-{n}", name=f"User {n}", expires_at_ms=LONG_MS))
        assert isinstance(few, RedisStreamsStore)
        for now_ms in (0, 2_000):  # the clock was set back; then all have expired
            expired = [await few._script.run("expire", now_ms, now_ms + 1_000, 2) for _ in range(2)]
            assert [has_more for has_more, _ in expired] == [1, 0]
        assert not any(member.online for member in await few.members("room", 9))
        assert await few._script._redis.exists("chat:claims", "chat:owners") == 0
        for n in range(2):  # a connection is forgotten together with its holder
            seen_ms = 2 * n * DELETE_AFTER_MS
            await join(few, replace(ADA, connection=f"{n}", seen_ms=seen_ms, expires_at_ms=seen_ms, holder="process"))
        assert await few._script._redis.hkeys("chat:holders:room:ada") == [b"1"]


async def test_a_stream_keeps_its_newest_events_and_answers_older_cursors_with_a_gap(engines: Engines) -> None:
    async with opened(engines.fresh_url("redis") + "?kept=100", 1) as (store,):
        for n in range(300):
            await store.append("room", draft(str(n), f"id-{n}"))
        page = await store.read("room", Cursor(store.epoch, 5), 1_000)
        assert page.next == 300
        assert page.after > 5
        assert 100 <= len(page.events) < 100 + 64
        assert [event.seq for event in page.events] == list(range(page.after + 1, 301))
        assert len(await store.history("room", 1_000, 1_000)) == len(page.events)
        assert (await store.append("room", draft("299", "id-299"))).seq == 300


@pytest.mark.parametrize(
    "url",
    [
        *("", "chat.db", "mysql://x", "mysql://me:secret@h/1", "sqlite://", "sqlite:///"),
        *("redis://", "redis://h?x=1", "redis://me:secret@h?kept=0", "redis://:secret@127.0.0.1:1/0"),
        *(f"postgresql://me:{word}@127.0.0.1:1/chat" for word in ("secret", "secret/x", "x?secret", "sec ret/secret")),
        *("postgresql:me:secret@127.0.0.1:1/chat", "postgresql://me@127.0.0.1:1/chat?password=secret"),
        "postgresql://127.0.0.1:1/chat?password=secret&what=ever",
    ],
)
async def test_what_cannot_be_opened_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="store") as refused:
        await open_store(url)
    assert "secret" not in str(refused.value)
