"""What a request reads does not grow with the log: each query uses an index, and none scans a room."""

import asyncio
import re
import sqlite3
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import pytest
import redis

from servers.core.store import Store, open_store
from servers.core.wire import Cursor, Kind
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines
from tests.support.stores import ADA, BOB, LIMITS, draft, opened

LOG = 2_000
READ_MAX = 500
"""How many rows the calls below may read, or commands of Redis run: fewer than the log, or the room's members, has."""
WHOLE_KEY = re.compile(r"(HGETALL|SMEMBERS|HKEYS|HVALS|KEYS|SCAN|LRANGE) .*|.* 0 -1\b.*|X\w+ \S+ [-+] [-+](?! COUNT).*")

READ_ROWS = """
SELECT sum(seq_scan)::bigint, sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
FROM pg_stat_user_tables WHERE relname NOT IN ('meta')"""
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'push-or-poll'"
FILL = f"""
SET search_path = chat;
INSERT INTO rooms VALUES ('room', {LOG});
INSERT INTO events SELECT 'room', n, CASE n WHEN 1 THEN 'message' WHEN 2 THEN 'receipt' ELSE 'typing' END, 'bob', 'Bob',
    CASE n WHEN 1 THEN 'first'::bytea ELSE '1'::bytea END, 0, CASE n WHEN 1 THEN 'x' ELSE '' END, NULL
    FROM generate_series(1, {LOG}) AS n;
INSERT INTO members SELECT 'room', 'user' || n, 'User ' || n, false, n FROM generate_series(1, {LOG}) AS n;
INSERT INTO connections SELECT 'room', 'user' || n, 'window', 9000, n FROM generate_series(1, {LOG}) AS n;
ANALYZE;
"""


async def use(store: Store) -> None:
    """Call every method that reads or writes."""
    await store.claim_name("Cyd", "cyd", 1_000, 2_000)
    for lease in (ADA, BOB):
        await store.join(lease, LIMITS)
    head = await store.head("room")
    for _ in range(2):
        await store.append("room", draft("hello", "once"))
        await store.mark_read("room", draft(str(head.seq), kind=Kind.RECEIPT))
    await store.read("room", Cursor(store.epoch, head.seq - 1), 10)
    assert [event.body for event in await store.history("room", head.seq + 9, 2)] == ["first", "hello"]
    assert [member.user for member in await store.members("room", 2)] == ["ada", "bob"]
    await store.touch(ADA, LIMITS)
    await store.is_member("room", "ada")
    await store.release(ADA)
    await store.expire(9_000, 1_000)


class Recorder(sqlite3.Connection):
    """A connection that notes the plan of every statement."""

    plans: ClassVar[dict[str, list[str]]] = {}

    def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
        if not statement.startswith(("PRAGMA", "BEGIN", "COMMIT")):
            plan = super().execute(f"EXPLAIN QUERY PLAN {statement}", values)
            self.plans[statement] = [row[3] for row in plan]
        return super().execute(statement, values)


async def test_each_query_of_sqlite_uses_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Recorder))
    async with opened(f"sqlite:///{tmp_path}/chat.db", 1) as (store,):
        await store.append("room", draft("first", sender="bob"))
        await use(store)
    plans = Recorder.plans
    assert len(plans) >= 20
    for statement, plan in plans.items():
        for step in plan:
            assert "TEMP B-TREE" not in step, statement
            by_who_is_online = re.match(r"SCAN (used|m|members) (USING .*INDEX (members|users)_online)?", f"{step} ")
            assert not step.startswith("SCAN") or by_who_is_online or "CONSTANT" in step, (statement, step)
            whole_room = step.startswith("SEARCH events") and step.endswith("(room=?)")
            assert not whole_room or "MAX(seq)" in statement, (statement, step)


@pytest.mark.process
async def test_postgresql_reads_no_table_from_end_to_end(engines: Engines) -> None:
    url = engines.fresh_url("postgresql")
    await (await open_store(url)).close()
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as database:
        await database.execute(FILL)
        before = await counted(database)
        async with opened(f"{url}?enable_seqscan=off", 1) as (store,):
            await use(store)
        scans, rows = await counted(database)
    assert scans == before[0]
    assert rows - before[1] < READ_MAX


async def counted(database: asyncpg.Pool) -> tuple[int, int]:
    """Return the numbers of sequential scans and of rows read, once all connections of stores have reported them."""
    async with asyncio.timeout(DEADLINE_S):
        while await database.fetchval(CONNECTED):  # noqa: ASYNC110 (another program's state has no event)
            await asyncio.sleep(0.02)
    await database.execute("SELECT pg_stat_force_next_flush()")
    scans, rows = await database.fetchrow(READ_ROWS)
    return scans, rows


@pytest.mark.process
async def test_redis_reads_no_room_from_end_to_end(engines: Engines) -> None:
    url = engines.fresh_url("redis")
    async with opened(url, 1) as (store,):
        await store.append("room", draft("first", sender="bob"))
        typing = draft("started", sender="bob", kind=Kind.TYPING)
        await asyncio.gather(*(store.append("room", typing) for _ in range(LOG)))
        with redis.Redis.from_url(url) as client:
            client.zadd("chat:last_seen:room", {f"user{n}": n for n in range(LOG)})
            with client.monitor() as monitor:
                await use(store)
                client.echo("end")
                seen = takewhile(lambda each: each["command"] != "ECHO end", monitor.listen())
                commands = [each["command"] for each in seen if str(each["db"]) == url.rpartition("/")[2]]
    assert 20 < len(commands) < READ_MAX
    assert [command for command in commands if WHOLE_KEY.fullmatch(command)] == []
