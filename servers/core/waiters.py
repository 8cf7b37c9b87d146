"""A condition that many coroutines wait for, each with a timeout of its own.

Teaches the cheapest wake-up in asyncio: one bare future and one timer for each waiter, and no task. A thousand held
polls wake in the time that a thousand `asyncio.Event.wait()` would take without any timeout.
"""

import asyncio


class Waiters:
    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: set[asyncio.Future[bool]] = set()

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._futures)

    async def wait(self, timeout_s: float) -> bool:
        """Wait for `wake`; return False if `timeout_s` seconds passed first."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_later(max(0.0, timeout_s), _set_result, future, False)
        self._futures.add(future)
        try:
            return await future
        finally:
            timer.cancel()
            self._futures.discard(future)

    def wake(self) -> None:
        """Wake everyone who waits now."""
        woken, self._futures = self._futures, set()
        for future in woken:
            _set_result(future, True)


def _set_result(future: asyncio.Future[bool], result: bool) -> None:
    if not future.done():
        future.set_result(result)
