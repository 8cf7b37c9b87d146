"""The one connection on which a process is notified of events in all its rooms: LISTEN, and a query every REREAD_S.

Teaches that a notification is a hint and the log is the truth: a lost, late or repeated hint does no harm, since every
REREAD_S the heads of all followed rooms are queried. The hint follows the commit: a transaction that notifies by
itself holds a lock of the whole database until its commit is on disk (PreCommit_Notify in PostgreSQL's async.c), so
that all rooms would wait for each other. Events of the same moment share one hint.
"""

import asyncio
import time
from contextlib import suppress

import asyncpg

from servers.core.errors import Unavailable
from servers.core.stores.followed_rooms import FollowedRooms
from servers.core.stores.postgres_pool import COMMAND_S, FAILURES, PostgresPool
from servers.core.supervised_retry import supervised_retry

CHANNEL = "chat"
REREAD_S = 1.0
RETRY_S = 0.25
NOTIFY = f"SELECT pg_notify('{CHANNEL}', hint) FROM unnest($1::text[]) AS hint"


class PostgresListener:
    """Advances `rooms`, and notifies other processes of what this one has appended, for as long as `follow` runs."""

    def __init__(self, pool: PostgresPool, rooms: FollowedRooms) -> None:
        self._pool = pool
        self._rooms = rooms
        self._hints: dict[str, str] = {}
        self._has_hints = asyncio.Event()

    def hint(self, room: str, seq: int) -> None:
        """Notify the others, soon, that a room reaches `seq` in the present epoch."""
        self._hints[room] = f"{self._rooms.epoch} {seq} {room}"
        self._has_hints.set()

    async def follow(self) -> None:
        """Listen until cancelled; a broken connection is replaced, and missed events are read from the log."""
        await supervised_retry(self._connect_and_listen, RETRY_S, *FAILURES, Unavailable)

    async def _connect_and_listen(self) -> None:
        connection = await self._pool.connect()
        try:
            await self._pool.prepare(connection)
            await connection.add_listener(CHANNEL, self._on_notification)
            while True:
                await self._rooms.refresh()
                await self._notify_until(connection, time.monotonic() + REREAD_S)
        finally:
            connection.terminate()

    async def _notify_until(self, connection: asyncpg.Connection, deadline_s: float) -> None:
        while (left_s := deadline_s - time.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._has_hints.wait()
            hints, self._hints = self._hints, {}
            self._has_hints.clear()
            # Also without hints: the statement fails if the connection is dead.
            await connection.execute(NOTIFY, list(hints.values()), timeout=COMMAND_S)

    def _on_notification(self, connection: object, pid: int, channel: str, hint: object) -> None:
        epoch, seq, room = str(hint).split(" ", 2)
        if epoch == self._rooms.epoch:  # otherwise the log is lost, or so new that only `refresh` will find it
            self._rooms.advance(room, int(seq))
