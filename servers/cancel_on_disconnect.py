"""Cancel a wait when the client of its request disconnects, at no cost for the thousands that do not.

Teaches how to watch for a rare event without a task for it. An ASGI `receive` is a coroutine that waits on one future,
until the client disconnects; so it is run by hand up to there, and continued by the future's callback. A task for each
held request would double the time that it takes to wake a thousand of them.
"""

import asyncio
from collections.abc import Generator
from types import TracebackType
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive


class CancelOnDisconnect:
    """A context: its block ends with ClientDisconnect when the client disconnects. One task enters it, once."""

    __slots__ = ("_gone", "_receive", "_steps", "_task", "_waits_for")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._steps: Generator[Any, Any, Any] = receive().__await__()
        self._waits_for: asyncio.Future[Any] | None = None
        self._gone = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._step()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._waits_for is not None:
            self._waits_for.remove_done_callback(self._step)
        self._steps.close()
        if self._gone and self._task is not None and self._task.uncancel() == 0:
            raise ClientDisconnect from None

    def _step(self, _: object = None) -> None:
        """Run `receive` up to its next wait, as a task of asyncio's would; cancel the block on a disconnect."""
        try:
            self._waits_for = next(self._steps)
        except StopIteration as received:
            self._waits_for = None
            if received.value["type"] == "http.disconnect":
                self._gone = True
                assert self._task is not None
                self._task.cancel()
            else:
                self._steps = self._receive().__await__()
                self._step()
        else:
            assert self._waits_for is not None
            self._waits_for._asyncio_future_blocking = False  # the handshake by which a task accepts a future
            self._waits_for.add_done_callback(self._step)
