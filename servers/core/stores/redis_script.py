"""One line pool to Redis, and the script that every command of the store is a call of.

Teaches that what must happen at once is written where it happens: see redis_streams.lua. Every answer begins with the
log's epoch, so that a Redis that was emptied, or a replica in its place, is noticed by the first who asks. Leaves out
repeating: a lost answer leaves open what was done, and only the caller knows whether doing it twice does harm.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, RedisError

from servers.core.stores.refusals import CODES, Declined, unavailable

LUA = files(__package__).joinpath("redis_streams.lua").read_text()
CONNECTIONS_MAX = 32
COMMAND_S = 5.0
"""How long a command may take, the wait for one of the connections included."""

log = logging.getLogger(__name__)


def client(url: str, connections_max: int) -> Redis:
    """Return a client that tries each command once, and waits for the answer for ever: bound it with asyncio.timeout.

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
    """Runs commands of the script; `see` is told the epoch of each answer."""

    def __init__(self, url: str, kept: int, see: Callable[[str], None]) -> None:
        self._redis = client(url, CONNECTIONS_MAX)
        self._script = self._redis.register_script(LUA)
        self._kept = kept
        self._see = see

    async def run(self, command: str, *arguments: str | int | bytes) -> list[Any]:
        """Return what the command answers after the epoch. Raises Declined, or Unavailable if Redis does not answer."""
        try:
            async with asyncio.timeout(COMMAND_S):
                answer = await self._script(args=[command, secrets.token_hex(4), self._kept, *arguments])
        except (RedisError, OSError) as error:
            for code in CODES.intersection(str(error).split()):
                raise Declined(code) from None
            raise unavailable(error) from error
        self._see(answer[0].decode())
        return list(answer[1:])

    async def ring(self, bell: str, expires_s: int) -> None:
        """Add an entry to a stream on which one process listens. Raises Unavailable."""
        try:
            async with asyncio.timeout(COMMAND_S):
                await self._redis.xadd(bell, {"": ""}, maxlen=1, approximate=False)
                await self._redis.expire(bell, expires_s)
        except (RedisError, OSError) as error:
            raise unavailable(error) from error

    async def check_durability(self) -> None:
        """Warn if this Redis may lose what it acknowledged, or forget keys to save memory; some hosts do not tell."""
        await self._check_settings()
        try:
            async with asyncio.timeout(COMMAND_S):
                await self._redis.info("replication")
        except NoPermissionError:
            log.warning("store: this user may not ask INFO; a promoted replica is noticed only if its log is shorter")
        except (RedisError, OSError) as error:
            raise unavailable(error) from error

    async def _check_settings(self) -> None:
        wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        try:
            async with asyncio.timeout(COMMAND_S):
                found = await self._redis.config_get(*wanted)
        except NoPermissionError:
            return
        except (RedisError, OSError) as error:
            raise unavailable(error) from error
        for name, value in wanted.items():
            if found.get(name) != value:
                log.warning("store: Redis runs with %s %s; only %s keeps all it says", name, found.get(name), value)

    async def close(self) -> None:
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()
