"""Databases of earlier versions: each opens, keeps what it holds, and works as a new one does."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import redis

from servers.core.errors import TooMany
from servers.core.store import Lease, Limits, open_store
from servers.core.wire import Cursor, Draft, Kind, encode
from tests.support.engines import Engines, psql
from tests.support.stores import opened

OldDatabase = Callable[[Engines, Path], Awaitable[str]]
SENT = Draft(Kind.MESSAGE, "ada", "Ada", "hello", 1_000, "first")
READ = Draft(Kind.RECEIPT, "bob", "Bob", "1", 1_000, "read-1")

OLDER = """
ALTER TABLE members DROP COLUMN read_up_to;
DROP INDEX once;
CREATE UNIQUE INDEX once ON events (room, sender, client_id) WHERE client_id <> '';
UPDATE meta SET value = CASE key WHEN 'epoch' THEN 'old' WHEN 'schema' THEN '' ELSE value END;
"""
POSTGRES = f"SET search_path = chat; {OLDER} INSERT INTO rooms VALUES ('room', 2);"
SQLITE = (
    f"{OLDER} DROP INDEX members_online; DROP INDEX users_online; DROP INDEX members_seen; DROP INDEX names_expire;"
    "ALTER TABLE connections DROP COLUMN holder;"
)
ROWS = """
INSERT INTO events VALUES ('room', 1, 'message', 'ada', 'Ada', 'hello', 1000, 'first', NULL);
INSERT INTO events VALUES ('room', 2, 'receipt', 'bob', 'Bob', '1', 1000, 'read-1', NULL);
INSERT INTO members VALUES ('room', 'ada', 'Ada', {no}, 500), ('room', 'bob', 'Bob', {yes}, 900);
INSERT INTO connections VALUES ('room', 'bob', 'window', 900, 2000);
"""


async def sqlite_of_old(engines: Engines, folder: Path) -> str:
    url = f"sqlite:///{folder}/chat.db"
    await (await open_store(url)).close()
    database = sqlite3.connect(folder / "chat.db")
    database.executescript(SQLITE + ROWS.format(no=0, yes=1))
    database.close()
    return url


async def postgres_of_old(engines: Engines, folder: Path) -> str:
    url = engines.fresh_url("postgresql")
    await (await open_store(url)).close()
    await asyncio.to_thread(psql, url, POSTGRES + ROWS.format(no=False, yes=True))
    return url


async def redis_of_old(engines: Engines, folder: Path) -> str:
    url = engines.fresh_url("redis")
    with redis.Redis.from_url(url) as client:
        client.mset({"chat:epoch": "old", "chat:head:room": 2})
        for seq, draft in enumerate((SENT, READ), 1):
            once = f"{draft.sender}\0{draft.client_id}"
            client.xadd("chat:events:room", {"kind": draft.kind, "draft": encode(draft), "once": once}, f"{seq}-0")
            client.hset("chat:once:room", once, seq)
        client.hset("chat:receipts:room", "bob", 1)
        client.hset("chat:names:room", mapping={"ada": "Ada", "bob": "Bob"})
        client.hset("chat:seen:room", mapping={"ada": 500, "bob": 900})
        client.sadd("chat:rooms", "room", "empty")
        client.zadd("chat:connections:room:bob", {"window": 2000})
        client.zadd("chat:online", {"room bob": 2000})
    return url


@pytest.mark.parametrize(
    "old", [sqlite_of_old, *(pytest.param(old, marks=pytest.mark.process) for old in (postgres_of_old, redis_of_old))]
)
async def test_it_opens_and_works(old: OldDatabase, engines: Engines, tmp_path: Path) -> None:
    url = await old(engines, tmp_path)
    for _ in range(2):  # the second time there is nothing to upgrade
        async with opened(url, 1) as (store,):
            assert store.epoch == "old"
            found = {member.user: (member.online, up_to) for member, up_to in (await store.members("room", 9)).items()}
            assert found == {"ada": (False, 0), "bob": (True, 1)}
            assert [event.body for event in await store.history("room", 3, 10)] == ["hello"]
            assert (await store.append("room", SENT)).seq == 1, "a retried send"
            sent = await store.append("room", Draft(Kind.MESSAGE, "bob", "Bob", "not a receipt", 1_000, "read-1"))
            assert (sent.seq, sent.body) == (3, "not a receipt")
            page = await store.read("room", Cursor("old", 0), 10)
            assert [event.kind for event in page.events] == [Kind.MESSAGE, Kind.RECEIPT, Kind.MESSAGE]
            assert await store.mark_read("room", READ) is None
            with pytest.raises(TooMany):
                await store.join(Lease("another", "ada", "Ada", "window", 1_000, 2_000), Limits(8, 1, 9))
