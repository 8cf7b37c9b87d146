"""What `servers.shared_writes` offers an application beyond ASGI: a response in one write, and who has hung up.

Teaches how to watch for a rare event without a task for it, which would double the time to wake a thousand held
requests: a callback stays with the connection. With another ASGI server, a held request lasts its time.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType

from starlette.requests import ClientDisconnect
from starlette.types import Scope

WHOLE = "push_or_poll.whole_response"
"""The extension, and the key of the body in a message `http.response.start` that no `http.response.body` follows."""

WATCH = "push_or_poll.watch"


class Watch:
    """One connection: whether its client is gone, and what to call then."""

    __slots__ = ("is_gone", "on_gone")

    def __init__(self) -> None:
        self.is_gone = False
        self.on_gone: Callable[[], object] | None = None

    def gone(self) -> None:
        """Note that the client is gone."""
        self.is_gone = True
        if self.on_gone is not None:
            self.on_gone()


class CancelOnDisconnect:
    """A context: its block ends with ClientDisconnect when the client disconnects. One task enters it, once."""

    __slots__ = ("_task", "_watch")

    def __init__(self, scope: Scope) -> None:
        self._watch: Watch = scope.get("extensions", {}).get(WATCH, {}).get(WATCH) or Watch()

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task()
        assert task is not None
        self._watch.on_gone = task.cancel
        if self._watch.is_gone:
            task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._watch.on_gone = None
        if self._watch.is_gone and self._task is not None and self._task.uncancel() == 0:
            raise ClientDisconnect from None
