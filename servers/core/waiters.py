"""Many who wait for the same thing, each with a time limit of its own.

Teaches the cheapest honest wake-up in asyncio: one bare future and one timer for each who waits, and no task. A
thousand parked polls are answered in the time a thousand `asyncio.Event.wait()` would take without any time limit.
"""

import asyncio


class Waiters:
    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: set[asyncio.Future[bool]] = set()

    def __len__(self) -> int:
        return len(self._futures)

    async def wait(self, timeout_s: float) -> bool:
        """Wait for `wake`; return False if `timeout_s` seconds passed first."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_later(max(0.0, timeout_s), _give_up, future)
        self._futures.add(future)
        try:
            return await future
        finally:
            timer.cancel()
            self._futures.discard(future)

    def wake(self) -> None:
        """Let everyone who waits now go on."""
        woken, self._futures = self._futures, set()
        for future in woken:
            if not future.done():
                future.set_result(True)


def _give_up(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(False)
