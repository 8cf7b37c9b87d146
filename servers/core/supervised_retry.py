"""Tasks that must outlive whatever goes wrong in them.

Teaches why a task that runs for as long as its process needs an owner for its errors too: asyncio tells of an exception
when somebody awaits the task, which here nobody does before the end; until then a log would be followed by no one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


async def supervised_retry(attempt: Callable[[], Awaitable[None]], pause_s: float, *expected: type[Exception]) -> None:
    """Await `attempt()` again and again, after a pause if it has failed; what is not expected is logged."""
    while True:
        try:
            await attempt()
        except expected:
            await asyncio.sleep(pause_s)
        except Exception:
            log.exception("%s failed; again in %g s", attempt, pause_s)
            await asyncio.sleep(pause_s)
