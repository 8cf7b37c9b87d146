"""What all workers have counted, added up: one worker asks them all, and knows how many answers to expect.

Teaches a roll call over publish and subscribe: Redis answers a PUBLISH with the number of those who heard it, so the
asker knows when it has heard everybody. What crosses the wire to Redis: one question, and one answer for each worker.
Leaves out the counts of workers that have ended: they went with them.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

from servers.pusher_service.exchange import Stats, Unreachable
from servers.pusher_service.redis_line import RedisLine


class Census:
    """The questions of one worker, and its answers to those of others. `stats` tells what it has counted itself."""

    def __init__(self, prefix: str, worker: str, line: RedisLine, stats: Callable[[], Stats], answer_s: float) -> None:
        self.question, self._answer_to = f"{prefix}census", f"{prefix}counted:"
        self.inbox = self._answer_to + worker
        self._worker = worker
        self._line = line
        self._stats = stats
        self._answer_s = answer_s
        self._numbers = itertools.count()
        self._answers: dict[str, asyncio.Queue[Stats]] = {}

    def told(self, key: str, text: str) -> None:
        """Answer a question, or take in an answer to one of ours; one that came too late is dropped."""
        head, _, body = text.partition("\n")
        if key == self.question:
            asker, _, number = head.partition(" ")
            self._line.ask("PUBLISH", self._answer_to + asker, f"{number}\n{json.dumps(self._stats())}")
        elif head in self._answers:
            self._answers[head].put_nowait(json.loads(body))

    async def totals(self) -> Stats:
        """Ask all workers and add up what they say; raises Unreachable if one of them stays silent."""
        number = str(next(self._numbers))
        answers = self._answers[number] = asyncio.Queue()
        try:
            expected = await self._line.ask("PUBLISH", self.question, f"{self._worker} {number}")
            async with asyncio.timeout(self._answer_s):
                return added_up([await answers.get() for _ in range(expected)])
        except TimeoutError:
            raise Unreachable(f"not all of the {expected} workers have answered") from None
        finally:
            del self._answers[number]


def added_up(counted: list[Stats]) -> dict[str, Any]:
    """Add up numbers that stand at the same place."""
    return {
        name: added_up([one[name] for one in counted]) if isinstance(value, dict) else sum(one[name] for one in counted)
        for name, value in counted[0].items()
    }
