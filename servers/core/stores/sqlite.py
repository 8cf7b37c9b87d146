"""The embedded store: one SQLite file, one process, nothing to install.

Teaches that an ordinary table makes an ordered log: the primary key (room, seq) is the order, and one writing thread
makes seq gap-free. Appends of the same moment are committed as one group, and acknowledged when they are on disk
(write-ahead log, synchronous=FULL). Leaves out several processes: a second one on the same file is refused.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sys import getsizeof
from typing import Any, TypeVar

from servers.core.clock import Clock
from servers.core.store import Lease, Limits, OnCommit
from servers.core.stores import sqlite_tables as tables
from servers.core.stores.faults import Faults
from servers.core.stores.followed_rooms import FollowedRooms
from servers.core.stores.group_commit import GroupCommit
from servers.core.stores.refusals import UnknownLayout
from servers.core.stores.sqlite_file import DatabaseFile
from servers.core.wire import Cursor, Draft, Event, Member, Page

Result = TypeVar("Result")


def path_of(url: str) -> Path:
    """Return the file that `sqlite:///relative.db` or `sqlite:////absolute.db` names; raise ValueError if none."""
    path = url.removeprefix("sqlite:///")
    if path == url or not path:
        raise ValueError(f"store: expected sqlite:///path/to/chat.db, got {url!r}")
    return Path(path)


async def open_url(url: str, clock: Clock) -> "SqliteStore":
    """Open the file, created if needed. Raises ValueError, or RuntimeError if another process has it open."""
    try:
        return SqliteStore(path_of(url), clock)
    except (OSError, sqlite3.Error, UnknownLayout) as error:
        raise ValueError(f"store: cannot open {url}: {error}") from error


class SqliteStore:
    """A Store in one file: a thread that writes, a thread that reads, and the waiters of each room.

    Its leases begin at the wall clock's time, and then run on a clock that does not jump.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms = clock.now_ms() - int(clock.monotonic_s() * 1000)
        self._faults = Faults()
        self._file = DatabaseFile(path)
        try:
            self._read_connection = tables.connect(self._file.path)
            tables.prepare(self._read_connection)
            tables.keep_online(self._read_connection)
            self.epoch = tables.epoch_of(self._read_connection, secrets.token_hex(4))
            writing_connection = tables.connect(self._file.path)
            self._file.watch()
        except BaseException:
            self._file.close()
            raise
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-read")
        self._rooms = FollowedRooms(self.heads)
        self._rooms.set_epoch(self.epoch)
        self._followers: list[OnCommit] = []
        self._writer = GroupCommit(writing_connection, self._file.require_in_place, self._on_commit, self._faults)
        self._writer.start()
        self._closed = False

    def follow(self, on_commit: OnCommit) -> bool:
        self._followers.append(on_commit)
        return True

    async def append(self, room: str, draft: Draft) -> Event:
        text_bytes = getsizeof(draft.body)
        return await self._writer.run_in_commit(lambda db, events: tables.append(db, events, room, draft), text_bytes)

    async def mark_read(self, room: str, draft: Draft) -> Event | None:
        return await self._writer.run_in_commit(lambda db, events: tables.mark_read(db, events, room, draft))

    async def read(self, room: str, after: Cursor, limit: int) -> Page:
        start = after.seq if after.epoch == self.epoch else 0
        events = await self._read(tables.read, room, start, limit)
        return Page(self.epoch, start, events[-1].seq if events else start, events)

    async def head(self, room: str) -> Cursor:
        return Cursor(self.epoch, await self._read(tables.head, room))

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        """Return the last seq of each room's log."""
        return {room: await self._read(tables.head, room) for room in rooms}

    async def wait(self, room: str, after: Cursor, timeout_s: float) -> bool:
        return await self._rooms.wait(room, after, timeout_s)

    async def history(self, room: str, before: int, limit: int) -> tuple[Event, ...]:
        return await self._read(tables.history, room, before, limit)

    async def claim_name(self, name: str, user: str, now_ms: int, until_ms: int) -> bool:
        return await self._writer.run_in_commit(lambda db, _: tables.claim_name(db, name, user, now_ms, until_ms))

    async def join(self, lease: Lease, limits: Limits) -> Event | None:
        return await self._writer.run_in_commit(lambda db, events: tables.join(db, events, lease, limits))

    async def touch(self, lease: Lease, limits: Limits) -> Event | None:
        return await self._writer.run_in_commit(lambda db, events: tables.touch(db, events, lease, limits))

    async def release(self, lease: Lease) -> Event | None:
        return await self._writer.run_in_commit(lambda db, events: tables.release(db, events, lease))

    async def now_ms(self) -> int:
        return self._offset_ms + int(self._clock.monotonic_s() * 1000)

    async def expire(self, now_ms: int, lease_ms: int) -> Sequence[Event]:
        return await self._writer.run_in_commit(lambda db, events: tables.expire(db, events, now_ms, lease_ms))

    async def is_member(self, room: str, user: str) -> bool:
        return await self._read(tables.is_member, room, user)

    async def members(self, room: str, limit: int) -> dict[Member, int]:
        return await self._read(tables.members, room, limit)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        self._rooms.close()
        await asyncio.to_thread(self._reader.shutdown)
        self._read_connection.close()
        self._file.close()

    async def _read(self, query: Callable[..., Result], *arguments: Any) -> Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._reader, query, self._read_connection, *arguments)
        except sqlite3.Error as error:
            raise self._faults.unavailable(error, "could not read") from error

    def _on_commit(self, events: Sequence[Event]) -> None:
        for follower in self._followers:
            follower(events)
        for event in events:
            self._rooms.advance(event.room, event.seq)
