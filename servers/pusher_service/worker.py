"""One worker's time at Redis: from the opening of its line to the loss of it.

Teaches what membership is where processes are killed: a lease under a fresh id. A worker that does not renew its lease
is buried by the others: its seats are freed, and `member_removed` goes out. What crosses the wire to Redis are calls of
`channels.lua`, which lists all that is kept. Leaves out what the acts mean: that is `redis_exchange`.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from servers.pusher_service.census import Census
from servers.pusher_service.exchange import Stats, Unreachable
from servers.pusher_service.limits import Settings
from servers.pusher_service.redis_line import ConnectionLost, RedisLine, Then, Word

SCRIPT = Path(__file__).with_name("channels.lua")
GONE = b"gone"
GIVEN_UP = "this worker's lease has run out, or Redis was emptied"


class Worker:
    """One worker's time at Redis: from the opening of its line to the loss of it. A lease under a fresh id."""

    def __init__(self, line: RedisLine, prefix: str, settings: Settings, stats: Callable[[], Stats]) -> None:
        self.id = secrets.token_hex(8)
        self.line = line
        self.census = Census(prefix, self.id, line, stats, settings.redis_answer_s)
        self._prefix = prefix
        self._lease_ms = round(settings.worker_lease_s * 1000)
        self._failed = asyncio.Event()
        self._script = b""

    async def arrive(self, before: str) -> None:
        """Begin a lease, and end that of the id this worker had `before`; raises ConnectionLost."""
        self._script = await self.line.promptly("SCRIPT LOAD", SCRIPT.read_bytes())
        await self.line.promptly(*self._call("arrive", self._lease_ms, before))

    async def renew(self) -> None:
        """Renew the lease, and bury workers that did not, until an act has failed; raises ConnectionLost."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease_ms / 3000):
                    await self._failed.wait()
                raise ConnectionLost("an act has failed, so what this worker knows of its channels may be wrong")
            if await self.line.promptly(*self._call("renew", self._lease_ms)) == GONE:
                raise ConnectionLost(GIVEN_UP)

    async def act(self, act: str, *words: Word, then: Then | None = None) -> Any:
        """Have the script do something; raises Unreachable."""
        (answer,) = await self._answers([self.line.ask(*self._call(act, *words), then=then)])
        if answer == GONE:
            self._failed.set()
            raise Unreachable(GIVEN_UP)
        return answer

    async def publish(self, texts: Iterable[tuple[str, str]]) -> None:
        """Publish texts, each under its name, in order; raises Unreachable."""
        await self._answers([self.line.ask("PUBLISH", name, text) for name, text in texts])

    async def _answers(self, asked: Iterable[asyncio.Future[Any]]) -> list[Any]:
        try:
            return [await answer for answer in asked]
        except ConnectionLost as lost:
            self._failed.set()
            raise Unreachable(str(lost)) from lost

    def _call(self, act: str, *words: Word) -> tuple[Word, ...]:
        return ("EVALSHA", self._script, 1, self._prefix, act, self.id, *words)
