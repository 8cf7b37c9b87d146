"""The embedded store's file: what is acknowledged is there after a restart, and only one process may open it."""

import asyncio
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from servers.core.errors import Unavailable
from servers.core.store import Store, open_store
from servers.core.stores import group_commit
from servers.core.stores.sqlite import SqliteStore
from servers.core.wire import Event
from tests.support.deadline import DEADLINE_S
from tests.support.stores import draft, log, opened

OPEN = """
import asyncio, sys
from servers.core.store import open_store
for url in sys.argv[1:]:
    try:
        asyncio.run(open_store(url))
    except RuntimeError as error:
        print(error)
"""
LOSSES: dict[str, Callable[[Path], object]] = {
    "its log cut": lambda path: os.truncate(path.with_name("chat.db-wal"), 0),
    "deleted": Path.unlink,
    "moved": lambda path: path.rename(path.with_name("moved.db")),
    "replaced": lambda path: Path(shutil.copy(path, path.with_name("copy.db"))).rename(path),
    "log deleted": lambda path: path.with_name("chat.db-wal").unlink(),
    "folder moved": lambda path: path.parent.rename(path.parent.with_name("elsewhere")),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


async def send(store: Store, text: str) -> Event:
    return await store.append("room", draft(text))


@pytest.mark.parametrize("do", LOSSES.values(), ids=LOSSES)
async def test_a_file_that_is_gone_acknowledges_nothing_and_is_logged_once(
    do: Callable[[Path], object], store: Store, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await send(store, "kept")
    do(path)
    for n in range(20):
        with pytest.raises(Unavailable, match=r"chat\.db.* (is not there|is another file|was cut)"):
            await send(store, str(n))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_what_waits_for_the_disk_is_bounded_in_bytes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(store, SqliteStore)
    monkeypatch.setattr(group_commit, "WAITING_BYTES_MAX", 500_000)
    disk_is_ready = threading.Event()
    slow = asyncio.create_task(store._writer.run_in_commit(lambda *_: disk_is_ready.wait(DEADLINE_S)))
    sending = [asyncio.create_task(send(store, "x" * 4096)) for _ in range(200)]
    refused, waiting = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    assert 0.8 * 500_000 < len(waiting) * (4096 + group_commit.OPERATION_BYTES) < 500_000
    assert all(isinstance(task.exception(), Unavailable) for task in refused)
    disk_is_ready.set()
    await asyncio.gather(slow, *waiting)
    assert len(await log(store)) == len(waiting)
    await send(store, "and there is room again")


async def test_a_file_that_is_put_back_is_used_again(store: Store, path: Path) -> None:
    LOSSES["moved"](path)
    with pytest.raises(Unavailable):
        await send(store, "refused")
    path.with_name("moved.db").rename(path)
    await send(store, "hello")
    await store.close()
    async with opened(f"sqlite:///{path}", 1) as (again,):
        assert [event.body for event in await log(again)] == ["hello"]


async def test_a_full_disk_is_logged_and_the_store_goes_on(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(store, SqliteStore)
    await store._writer.run_in_commit(lambda db, _: db.execute("PRAGMA max_page_count = 40").fetchone())
    with pytest.raises(Unavailable, match="disk is full"):
        for _ in range(100):
            await send(store, "x" * 4_000)
    assert "disk is full" in caplog.text
    await store._writer.run_in_commit(lambda db, _: db.execute("PRAGMA max_page_count = 4000").fetchone())
    assert (await send(store, "and there is room again")).seq > 10


async def test_a_damaged_file_is_logged(path: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(50):
        await send(store, "x" * 4_000)
    await store.close()
    with path.open("r+b") as file:  # all but the first pages, which hold the schema
        file.seek(20 * 4096)
        file.write(b"\xff" * 30 * 4096)
    async with opened(f"sqlite:///{path}", 1) as (damaged,):
        with pytest.raises(Unavailable, match="malformed"):
            await log(damaged)
    assert "malformed" in caplog.text


@pytest.mark.process
async def test_no_name_of_the_file_opens_it_a_second_time(store: Store, path: Path) -> None:
    path.with_name("symbolic.db").symlink_to(path)
    os.link(path, path.with_name("hard.db"))
    path.with_name("folder").symlink_to(path.parent)
    path.with_name("chat.db.lock").unlink(missing_ok=True)
    urls = [f"sqlite:///{path.parent}/{name}" for name in ("chat.db", "symbolic.db", "hard.db", "folder/chat.db")]
    for url in urls:
        with pytest.raises(RuntimeError, match="another process"):
            await open_store(url)  # which does not unlock the file for others
    second = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", OPEN, *urls], capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert second.stdout.count("is open in another process") == len(urls)
