"""Send one message to a socket without waiting for its client.

Teaches how one event reaches a thousand sockets without a thousand tasks. An ASGI `send` is a coroutine, but as long
as the transport has room it runs from start to end without a pause. So `push` runs it by hand, at once, and only a
`send` that really has to wait costs a wait. The caller of `push` learns at once which clients are slow, and no slow
client delays the next one.

What crosses the wire: exactly the messages given, in order, each once. Leaves out what to do about a slow client (close
it, drop it from the followers, keep a backlog): that is the caller's policy. This class keeps one message at most.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from enum import Enum
from typing import Any

Message = MutableMapping[str, Any]
AsgiSend = Callable[[Message], Awaitable[None]]


class PushResult(Enum):
    """What became of a pushed message."""

    WRITTEN = "written"  # the transport has it
    PENDING = "pending"  # it is written as soon as a task awaits `drain` or `send`
    BUSY = "busy"  # an earlier message is still pending: the caller must keep or drop this one
    LOST = "lost"  # the client is gone: neither this message nor any later one is written


# Python 3.11 looks an enum's member up in about 0.2 us, twice per receiver of a fan-out; a module's name is free.
WRITTEN, PENDING, BUSY, LOST = PushResult
_ENDED = object()


class ConnectionLost(OSError):
    """The client is gone, or the socket was closed; `__cause__` is what the ASGI server raised."""


class SocketWriter:
    """The sending side of one accepted socket. lost: the error by which the client was found gone, or None.

    Give it the ASGI `send` itself. Starlette's `WebSocket.send` turns the OSError of a client that left into a
    WebSocketDisconnect, which is no OSError: `push` would raise it in the fan-out.

    With `write_frame` (see servers.shared_frame), what is pushed must carry its frame beside its text, as "frame".

    `push` never waits, `send` and `drain` do. After PENDING, await `drain` soon, in the one task that owns the socket:
    nothing else moves the message on. Any number of tasks may wait; they take turns in order.
    """

    __slots__ = ("_in_turn", "_send", "_steps", "_turn", "_waits_for", "_write_frame", "lost")

    def __init__(self, send: AsgiSend, write_frame: Callable[[bytes], bool] | None = None) -> None:
        self._send = send
        self._write_frame = write_frame
        self._steps: Generator[Any, Any, None] | None = None
        self._waits_for: asyncio.Future[Any] | None = None
        self._turn = asyncio.Lock()
        self._in_turn = 0
        self.lost: Exception | None = None

    def push(self, message: Message) -> PushResult:
        """Try to write one ASGI message now; never waits, and raises nothing when the client is gone."""
        if self._steps is not None or self._in_turn:
            return BUSY
        if self.lost is not None:
            return LOST
        if self._write_frame is not None and self._write_frame(message["frame"]):
            return WRITTEN
        return self._step(self._send(message).__await__())

    async def send(self, message: Message) -> None:
        """Write one ASGI message after all earlier ones; waits for the transport, raises ConnectionLost.

        Cancelled while it waits for its turn, it wrote nothing; cancelled later, the message counts as PENDING.
        """
        await self._take_turn(message)

    async def drain(self) -> None:
        """Wait until no message is unfinished; raises ConnectionLost. Cancelling it loses nothing."""
        await self._take_turn(None)

    async def _take_turn(self, message: Message | None) -> None:
        self._in_turn += 1  # from here on push() returns BUSY, so that nothing overtakes this caller
        try:
            async with self._turn:
                await self._finish()
                if message is not None and self.lost is None:
                    self._step(self._send(message).__await__())
                    await self._finish()
        finally:
            self._in_turn -= 1
        if self.lost is not None:
            raise ConnectionLost("the client is gone") from self.lost

    async def _finish(self) -> None:
        while self._steps is not None:
            if self._waits_for is None:
                await asyncio.sleep(0)
            else:
                # Unlike `await future`, this leaves the future alone when we are cancelled: the message survives.
                await asyncio.wait([self._waits_for])
            self._step(self._steps)

    def _step(self, steps: Generator[Any, Any, None]) -> PushResult:
        """Run a `send` up to its end or its next wait, as a task of asyncio's would."""
        try:
            waits_for: Any = next(steps, _ENDED)  # with a default, its end raises nothing, which is cheaper
        except (OSError, RuntimeError) as gone:
            # ASGI promises an OSError for a client that left. uvicorn raises RuntimeError instead when it closed the
            # socket itself (no pong in time, a frame over the limit) and the transport still lingers.
            self._steps = None
            self.lost = gone.with_traceback(None)  # its frames refer to us: with what is unsent, garbage for long
            return LOST
        if waits_for is _ENDED:
            self._steps = None
            return WRITTEN
        if waits_for is not None:
            waits_for._asyncio_future_blocking = False  # the handshake by which a task accepts a future
        self._steps, self._waits_for = steps, waits_for
        return PENDING
