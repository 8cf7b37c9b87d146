"""Repeat a background task until the process ends, whatever errors it raises.

Teaches why the task must log its errors: asyncio reports them only to the code that awaits the task, here at the end.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


async def supervised_retry(attempt: Callable[[], Awaitable[None]], pause_s: float, *expected: type[Exception]) -> None:
    """Await `attempt()` repeatedly, after a pause if it has failed. An error that is not `expected` is logged.

    pause_s: mean of the pauses, which are random, so that the tasks of all rooms and processes do not retry in step.
    """
    while True:
        try:
            await attempt()
        except expected:
            await asyncio.sleep(random.uniform(0, 2 * pause_s))
        except Exception:
            log.exception("%s failed; again within %g s", attempt, 2 * pause_s)
            await asyncio.sleep(random.uniform(0, 2 * pause_s))
