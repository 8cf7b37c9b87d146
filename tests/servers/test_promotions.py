"""A replica that lags is promoted: acknowledged events may be gone, so a new epoch begins before a seq is reused."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import redis

from servers.core.store import Store
from servers.core.stores import postgres_listener, redis_reader
from servers.core.wire import Cursor
from servers.deploy.empty_database import engine_folder
from servers.deploy.engines import Engine, give_to_engines, postgres_server, program, redis_server, run_unprivileged
from tests.support.deadline import DEADLINE_S
from tests.support.engines import answered
from tests.support.guest import until
from tests.support.stores import draft, opened

pytestmark = pytest.mark.process
Step = Callable[[], None]
FailingOver = tuple[Engine, Step, Step]


@contextmanager
def redis_that_fails_over(folder: Path) -> Iterator[FailingOver]:
    """Have a Redis whose place can be taken by a replica that has stopped following it."""
    with redis_server(folder / "one") as engine, redis_server(folder / "replica") as behind:
        here, there = (redis.Redis.from_url(each.url) for each in (engine, behind))

        def fall_behind() -> None:
            there.replicaof("127.0.0.1", str(here.get_connection_kwargs()["port"]))
            until(lambda: there.info("replication")["master_link_status"] == "up")
            until(lambda: there.dbsize() == here.dbsize())
            there.replicaof("NO", "ONE")

        def take_over() -> None:
            """Take what the replica has, and be promoted: the same address, and the log of the other."""
            here.replicaof("127.0.0.1", str(there.get_connection_kwargs()["port"]))
            until(lambda: here.info("replication")["master_link_status"] == "up")
            here.replicaof("NO", "ONE")

        with here, there:
            for client in (here, there):
                client.config_set("repl-diskless-sync-delay", 0)
            yield engine, fall_behind, take_over


@contextmanager
def postgres_that_fails_over(folder: Path) -> Iterator[FailingOver]:
    """Have a PostgreSQL whose place can be taken by a standby that has stopped following it."""
    with postgres_server(folder / "one") as engine:
        data = folder / "one" / "data"
        standby = folder / "standby"

        def fall_behind() -> None:
            give_to_engines(standby)
            run_unprivileged(
                program("pg_basebackup") or "pg_basebackup",
                *("-d", engine.url, "-D", standby / "data", "-X", "stream", "-c", "fast", "--no-sync"),
            )

        def take_over() -> None:
            """Start the standby's data in the same place, and let it be promoted where its own log ends."""
            engine.kill()
            shutil.rmtree(data)
            (standby / "data" / "recovery.signal").touch()
            with (standby / "data" / "postgresql.auto.conf").open("a") as settings:
                settings.write("restore_command = 'false'\n")
            (standby / "data").rename(data)
            engine.start()
            until(lambda: query(engine.url, "SELECT pg_is_in_recovery()") == "f")

        yield engine, fall_behind, take_over


def query(url: str, statement: str) -> str:
    return subprocess.run(
        ["psql", "-qtA", url, "-c", statement], check=False, capture_output=True, text=True, timeout=DEADLINE_S
    ).stdout.strip()


@pytest.fixture(params=[redis_that_fails_over, postgres_that_fails_over])
def failing_over(request: pytest.FixtureRequest) -> Iterator[FailingOver]:
    with engine_folder() as folder, request.param(folder) as engine:
        yield engine


@pytest.fixture
async def stores(failing_over: FailingOver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Store]]:
    """Return two stores that do not reconnect their listeners, so that an append is the first to see the new log."""
    for module in (redis_reader, postgres_listener):
        monkeypatch.setattr(module, "RETRY_S", 10 * DEADLINE_S)
    async with opened(failing_over[0].url) as found:
        yield found


async def test_a_seq_that_is_used_again_belongs_to_a_new_epoch(failing_over: FailingOver, stores: list[Store]) -> None:
    _, fall_behind, take_over = failing_over
    one, other = stores
    for body in ("0", "1", "2"):
        await one.append("room", draft(body, body))
    await asyncio.to_thread(fall_behind)
    for body in ("lost", "lost too"):
        await one.append("room", draft(body, body))
    cursor = Cursor(other.epoch, 5)
    assert await other.wait("room", Cursor(cursor.epoch, 4), DEADLINE_S)
    await asyncio.to_thread(take_over)
    for body in ("3", "4"):
        await answered(partial(one.append, "room", draft(body, body)))
        assert one.epoch != cursor.epoch
    page = await other.read("room", cursor, 10)
    assert page.epoch == other.epoch == one.epoch != cursor.epoch
    assert [event.body for event in page.events] == ["0", "1", "2", "3", "4"]
    assert [event.seq for event in page.events] == [1, 2, 3, 4, 5]
