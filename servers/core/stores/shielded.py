"""Commands that run to their end, even if the request that started them is cancelled.

Teaches why: a write that is cancelled half-way may be committed or not, and its caller cannot know. Here the store owns
the command's task, and the request only waits for it. If the request is cancelled, the event is committed nevertheless.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from servers.core.errors import Unavailable

Result = TypeVar("Result")
CLOSE_S = 5.0


class Shielded:
    """Runs commands, and waits for the unfinished ones at the end."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def run(self, command: Coroutine[Any, Any, Result]) -> Result:
        """Return the command's result; it goes on if the caller is cancelled. Raises Unavailable once closed."""
        if self._closed:
            command.close()
            raise Unavailable("store: closed")
        task = asyncio.create_task(command)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Refuse further commands; wait for the unfinished ones, CLOSE_S at most."""
        self._closed = True
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # mark it as retrieved: the caller has it, or was cancelled
