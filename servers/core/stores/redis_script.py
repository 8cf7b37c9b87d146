"""One connection pool to Redis, and the script that runs every command of the store.

Teaches that what must be atomic runs inside the database: see redis_streams.lua. Every response begins with the log's
epoch, so that the next command detects a Redis that was emptied, or replaced by a replica. Leaves out retries: after a
lost response nobody knows what was done, and only the caller knows whether doing it twice does harm.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from servers.core.stores.faults import Faults
from servers.core.stores.refusals import CODES, Declined

LUA = files(__package__).joinpath("redis_streams.lua").read_text()
CONNECTIONS_MAX = 32
COMMAND_S = 5.0  # how long a command may take, the wait for one of the connections included
REHEARSAL = "chat:rehearsal"  # the stream on which `rehearse` tries commands
log = logging.getLogger(__name__)


def client(url: str, connections_max: int) -> Redis:
    """Return a client that tries each command once, and waits without a limit: bound it with asyncio.timeout.

    Its own limit is asyncio.wait_for, which before Python 3.12 may swallow a cancellation.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections_max,
        timeout=COMMAND_S,
        socket_timeout=None,
        socket_connect_timeout=COMMAND_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return Redis.from_pool(pool)


class RedisScript:
    """Runs commands of the script; passes the epoch of each response to `on_epoch`.

    kept: how many events a room keeps; older ones are deleted.
    """

    def __init__(self, url: str, kept: int, on_epoch: Callable[[str], None]) -> None:
        self._redis = client(url, CONNECTIONS_MAX)
        self._script = self._redis.register_script(LUA)
        self._kept = kept
        self._on_epoch = on_epoch
        self._faults = Faults()

    async def run(self, command: str, *arguments: str | int | bytes) -> list[Any]:
        """Return the response after its epoch. Raises Declined, or Unavailable if Redis does not respond."""
        try:
            async with asyncio.timeout(COMMAND_S):
                response = await self._script(args=[command, secrets.token_hex(4), self._kept, *arguments])
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            code = next((word for word in str(error).split() if word in CODES), None)
            if code is not None:
                raise Declined(code) from None
            raise self._faults.unavailable(error) from error
        self._on_epoch(response[0].decode())
        return list(response[1:])

    async def add_entry(self, stream: str, expires_s: int) -> None:
        """Add an empty entry to a stream. Raises Unavailable."""
        async with self._in_time():
            await self._redis.xadd(stream, {"": ""}, maxlen=1, approximate=False)
            await self._redis.expire(stream, expires_s)

    async def rehearse(self) -> None:
        """Try every command that the store needs: this user may lack the permission for one. Raises Unavailable."""
        await self.run("rehearse")
        await self.add_entry(REHEARSAL, expires_s=1)
        async with self._in_time():
            await self._redis.xread({REHEARSAL: "0-0"}, count=1)

    async def check_durability(self) -> None:
        """Warn if this Redis may lose acknowledged events, if this user may read that. Raises Unavailable."""
        wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        async with self._in_time():
            with suppress(ResponseError):  # no permission, or no such command, as at rented ones
                for name, value in wanted.items():
                    actual = await self._redis.config_get(name)  # before version 7, it takes one name
                    if actual.get(name) != value:
                        log.warning("store: Redis has %s %s; only %s keeps every event", name, actual.get(name), value)
            try:
                await self._redis.info("replication")
            except NoPermissionError:
                log.warning("store: this user may not run INFO; a failover is detected only if the log is shorter")

    async def close(self) -> None:
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Allow the block COMMAND_S. Raises Unavailable if that is over, or Redis fails."""
        try:
            async with asyncio.timeout(COMMAND_S):
                yield
        except (RedisError, OSError) as error:
            raise self._faults.unavailable(error) from error
