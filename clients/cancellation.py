"""How a task is ended for certain, although its cancellation may be lost.

Teaches that a cancellation can be swallowed: a timeout of anyio, on which httpx is built, ends its block by a
cancellation of its own, and takes one from outside at the same moment for it. So it is repeated until the task ends,
and cuts what a task needs longer for at its end.
"""

import asyncio
from typing import Any

REPEATED_S = 3.0


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task, and wait until it has ended. Its result or error stays in it."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=REPEATED_S)
