"""A task for as long as its process: no error ends it, and each unexpected one is logged."""

import asyncio

import pytest

from servers.core.errors import Unavailable
from servers.core.supervised_retry import supervised_retry


@pytest.mark.parametrize(("error", "is_logged"), [(Unavailable("gone"), False), (RuntimeError("a mistake"), True)])
async def test_a_failed_attempt_is_repeated_and_logged_unless_it_was_expected(
    error: Exception, is_logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    failures, again = [error], asyncio.Event()

    async def attempt() -> None:
        if failures:
            raise failures.pop()
        again.set()
        await asyncio.Future()

    task = asyncio.create_task(supervised_retry(attempt, 0, Unavailable))
    await asyncio.wait_for(again.wait(), 5)
    task.cancel()
    assert ("a mistake" in caplog.text) == is_logged


async def test_who_owns_it_can_end_it() -> None:
    async def attempt() -> None:
        await asyncio.Future()

    task = asyncio.create_task(supervised_retry(attempt, 0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
