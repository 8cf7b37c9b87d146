"""What `servers.shared_writes` offers an application beyond ASGI: a response in one write, one frame for many sockets.

Teaches how one event reaches a thousand sockets without a thousand tasks: `push` writes at once or not at all, so the
caller learns which client is slow, and decides what to do. And how to notice that a client disconnects without a task
that waits for it (such tasks would double the time to wake a thousand held requests): by a callback of the connection.
With another ASGI server, a held request whose client is gone lasts until its hold time is over. What crosses the wire:
text frames (RFC 6455 section 5.2).
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

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


EXTENSION = "push_or_poll.frames"
WRITER = "writer"


class SocketClosed(OSError):
    """The client is gone, or the socket was closed."""


class TextFrame:
    """A text frame, made once for all recipients: a server does not mask, so all of them get the same bytes."""

    __slots__ = ("encoded", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        size = len(payload)
        if size < 126:
            self.encoded = b"\x81%c%b" % (size, payload)
        elif size < 65_536:
            self.encoded = b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
        else:
            self.encoded = b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


class SocketWriter(Protocol):
    """The sending side of one accepted socket. All but `push` may wait, and raise SocketClosed."""

    def push(self, frame: TextFrame) -> bool:
        """Write a frame, or return False if the transport is full or the client is gone; never waits."""

    async def drain(self) -> None:
        """Wait until the transport takes frames. Cancelling it loses nothing."""

    async def write(self, frame: TextFrame) -> None:
        """Write a frame as soon as the transport takes it; cancelled before that, it is not written."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Write a close frame as soon as the transport takes it."""


def writer_of(scope: Scope) -> SocketWriter:
    """Return the writer of an accepted socket and remove it from the scope: otherwise the two form a cycle."""
    writer: SocketWriter = scope["extensions"].pop(EXTENSION)[WRITER]
    return writer
