"""A supervised task runs for as long as its process: no error ends it, and each unexpected one is logged."""

import asyncio

import pytest

from servers.core.errors import Unavailable
from servers.core.supervised_retry import supervised_retry
from tests.support.deadline import DEADLINE_S


@pytest.mark.parametrize(("error", "is_logged"), [(Unavailable("gone"), False), (RuntimeError("a mistake"), True)])
async def test_a_task_goes_on_after_errors(error: Exception, is_logged: bool, caplog: pytest.LogCaptureFixture) -> None:
    failures = [error]
    again = asyncio.Event()

    async def attempt() -> None:
        if failures:
            raise failures.pop()
        again.set()
        await asyncio.Future()

    task = asyncio.create_task(supervised_retry(attempt, 0, Unavailable))
    await asyncio.wait_for(again.wait(), DEADLINE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):  # who owns it can end it
        await task
    assert ("a mistake" in caplog.text) == is_logged
