"""Commands that run to their end, even if whoever asked has gone.

Teaches why: a write that is cancelled half-way may be committed or not, and nobody would know. Here the store owns the
command, and its caller merely waits for it; the event then stands, as it would had the acknowledgement been lost.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from servers.core.errors import Unavailable

Answer = TypeVar("Answer")
CLOSE_S = 5.0


class Shielded:
    """Runs commands, and at the end waits for those under way."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def run(self, command: Coroutine[Any, Any, Answer]) -> Answer:
        """Return the command's answer; it goes on if the caller is cancelled. Raises Unavailable once closed."""
        if self._closed:
            command.close()
            raise Unavailable("store: closed")
        task = asyncio.create_task(command)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Take no more commands; wait for the rest, CLOSE_S at most."""
        self._closed = True
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # its caller has it; if there is none any more, nobody needs it
