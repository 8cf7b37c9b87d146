"""The one line on which a process hears of all its rooms: XREAD BLOCK, shared by every client.

Teaches that a blocking read from the last known number is level-triggered: what was added while nobody listened is
answered at once, so a line that broke has cost time only. Beside the rooms it reads two streams more: the log's epochs,
so that an emptied Redis is noticed, and a bell of its own, rung when there is one more room to follow.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from servers.core.errors import Unavailable
from servers.core.stores.followed_rooms import FollowedRooms
from servers.core.stores.redis_script import COMMAND_S, RedisScript, client
from servers.core.supervised_retry import supervised_retry

BLOCK_S = LOOK_S = 2.0
RETRY_S = 0.25
READ_MAX = 500
EPOCHS, EVENTS = "chat:epochs", "chat:events:"

Entries = Sequence[tuple[bytes, Any]]


class RedisReader:
    """Tells `rooms` what comes, for as long as `follow` runs."""

    def __init__(self, url: str, script: RedisScript, rooms: FollowedRooms) -> None:
        self._redis = client(url, 1)
        self._script = script
        self._rooms = rooms
        self._bell = f"chat:bell:{secrets.token_hex(8)}"
        self._last = {EPOCHS: "0-0", self._bell: "0-0"}
        self._ringing: set[asyncio.Task[None]] = set()

    def ring(self) -> None:
        """Have the blocked read begin anew, with the rooms of now."""
        task = asyncio.create_task(self._ring())
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)

    async def follow(self) -> None:
        """Read for ever; after a broken line, from where it was. Waits; meant as a task."""
        await supervised_retry(self._look_and_read, RETRY_S, RedisError, OSError, Unavailable)

    async def close(self) -> None:
        for task in self._ringing:
            task.cancel()
        await asyncio.gather(*self._ringing, return_exceptions=True)
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def _look_and_read(self) -> None:
        """Read for LOOK_S or so, and look at the log itself first: a stream never tells that it has become shorter."""
        await self._rooms.look()
        look_again_s = time.monotonic() + LOOK_S
        while time.monotonic() < look_again_s:
            await self._read()

    async def _read(self) -> None:
        """Wait for news, BLOCK_S at most; what was read while the epoch changed may be of a log that is lost."""
        epoch = self._rooms.epoch
        rooms = {EVENTS + room: f"{seq}-0" for room, seq in self._rooms.heads.items()}
        streams: dict[Any, Any] = {**self._last, **rooms}
        async with asyncio.timeout(BLOCK_S + COMMAND_S):
            told: Any = await self._redis.xread(streams, count=READ_MAX, block=int(BLOCK_S * 1000))
        for stream, entries in told if epoch == self._rooms.epoch else ():
            self._hear(stream.decode(), entries)

    def _hear(self, stream: str, entries: Entries) -> None:
        last = entries[-1][0].decode()
        if stream.startswith(EVENTS):
            self._rooms.learn(stream.removeprefix(EVENTS), int(last.partition("-")[0]))
        else:
            self._last[stream] = last
        if stream == EPOCHS:
            self._rooms.see(entries[-1][1][b"epoch"].decode())

    async def _ring(self) -> None:
        with suppress(Unavailable):  # then the line is broken, and the next read has the new room anyway
            await self._script.ring(self._bell, expires_s=60)
