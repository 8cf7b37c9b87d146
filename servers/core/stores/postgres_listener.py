"""The one line on which a process hears of all its rooms: LISTEN, with a look at the log itself now and then.

Teaches that a notification is a hint and the log is the truth: a hint that is lost, late or told twice does no harm,
since every REREAD_S the heads of all followed rooms are asked anew. The hint follows the commit: a transaction that
notifies by itself holds a lock of the whole database until its commit is on disk (PreCommit_Notify in PostgreSQL's
async.c), so that all rooms would wait for each other. Events of the same moment share one hint.
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
    """Tells `rooms` what comes, and the other processes what this one has appended, for as long as `follow` runs."""

    def __init__(self, pool: PostgresPool, rooms: FollowedRooms) -> None:
        self._pool = pool
        self._rooms = rooms
        self._hints: dict[str, str] = {}
        self._hinting = asyncio.Event()

    def hint(self, room: str, seq: int) -> None:
        """Have the others told, soon, that a room goes up to `seq` in the epoch of now."""
        self._hints[room] = f"{self._rooms.epoch} {seq} {room}"
        self._hinting.set()

    async def follow(self) -> None:
        """Listen for ever; a broken line is opened anew, and what it missed is in the log. Waits; meant as a task."""
        await supervised_retry(self._connect_and_listen, RETRY_S, *FAILURES, Unavailable)

    async def _connect_and_listen(self) -> None:
        line = await self._pool.connect()
        try:
            await self._listen(line)
        finally:
            line.terminate()

    async def _listen(self, line: asyncpg.Connection) -> None:
        await self._pool.prepare(line)
        await line.add_listener(CHANNEL, self._hear)
        while True:
            await self._rooms.look()
            look_again_s = time.monotonic() + REREAD_S
            while (left_s := look_again_s - time.monotonic()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await self._hinting.wait()
                await self._tell(line)  # also when there is nothing to tell: a line that is dead must be found so

    async def _tell(self, line: asyncpg.Connection) -> None:
        hints, self._hints = self._hints, {}
        self._hinting.clear()
        await line.execute(NOTIFY, list(hints.values()), timeout=COMMAND_S)

    def _hear(self, line: object, pid: int, channel: str, hint: object) -> None:
        epoch, seq, room = str(hint).split(" ", 2)
        if epoch == self._rooms.epoch:  # else it is of a log that is lost, or of one that is found out about anyway
            self._rooms.learn(room, int(seq))
