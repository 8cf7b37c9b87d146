"""The one connection on which a process reads new events in all its rooms: XREAD BLOCK, shared by every client.

Teaches that a blocking read from the last known number misses nothing: an event that was added while nobody read is
returned at once, so a broken connection costs only time. Beside the rooms it reads two more streams: the log's epochs,
to detect an emptied Redis, and a stream of its own, whose entries interrupt the read when it must follow another room.
"""

import asyncio
import secrets
import time
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from servers.core.errors import Unavailable
from servers.core.stores.followed_rooms import FollowedRooms
from servers.core.stores.redis_script import COMMAND_S, RedisScript, client
from servers.core.supervised_retry import supervised_retry

BLOCK_S = 2.0  # how long one read waits
REREAD_S = 2.0  # how often the heads are queried
RETRY_S = 0.25
READ_MAX = 500
EPOCHS = "chat:epochs"
EVENTS = "chat:events:"


class RedisReader:
    """Advances `rooms` for as long as `follow` runs."""

    def __init__(self, url: str, script: RedisScript, rooms: FollowedRooms) -> None:
        self._redis = client(url, 1)
        self._script = script
        self._rooms = rooms
        self._interrupts = f"chat:interrupts:{secrets.token_hex(8)}"
        self._last_ids = {EPOCHS: "0-0", self._interrupts: "0-0"}
        self._tasks: set[asyncio.Task[None]] = set()
        rooms.on_follow = self.interrupt

    def interrupt(self) -> None:
        """Have the blocked read return, so that the next one includes the rooms that are new."""
        task = asyncio.create_task(self._interrupt())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def follow(self) -> None:
        """Read until cancelled; a broken connection is replaced, and the read goes on from where it was."""
        await supervised_retry(self._refresh_and_read, RETRY_S, RedisError, OSError, Unavailable)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def _refresh_and_read(self) -> None:
        """Query the heads, then read for REREAD_S: reading alone would not show that a stream has become shorter."""
        await self._rooms.refresh()
        deadline_s = time.monotonic() + REREAD_S
        while time.monotonic() < deadline_s:
            await self._read()

    async def _read(self) -> None:
        """Wait for events, BLOCK_S at most; drop them if the epoch has changed, since they may be of a lost log.

        The entry of an event has the id <seq>-0 (`redis_streams.lua`).
        """
        epoch = self._rooms.epoch
        rooms = {EVENTS + room: f"{seq}-0" for room, seq in self._rooms.heads.items()}
        streams: dict[Any, Any] = {**self._last_ids, **rooms}
        async with asyncio.timeout(BLOCK_S + COMMAND_S):
            new_entries: Any = await self._redis.xread(streams, count=READ_MAX, block=int(BLOCK_S * 1000))
        if epoch == self._rooms.epoch:
            for stream, entries in new_entries:
                self._on_entry(stream.decode(), *entries[-1])  # the last says enough: readers fetch the events

    def _on_entry(self, stream: str, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
        """Note the last entry of a stream."""
        if stream.startswith(EVENTS):
            self._rooms.advance(stream.removeprefix(EVENTS), int(entry_id.partition(b"-")[0]))
        else:
            self._last_ids[stream] = entry_id.decode()
        if stream == EPOCHS:
            self._rooms.set_epoch(fields[b"epoch"].decode())

    async def _interrupt(self) -> None:
        with suppress(Unavailable):  # then the connection is broken, and the next read has the new room anyway
            await self._script.add_entry(self._interrupts, expires_s=60)
