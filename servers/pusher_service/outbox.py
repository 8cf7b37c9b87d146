"""What waits for one socket: nothing, as long as its client keeps up, and never more than so many frames and bytes.

Teaches how a fan-out stays fair. A frame is written on the spot if the transport has room. Only when a client lags does
its socket get a backlog and a task that empties it; when that is full, the service asks the client to reconnect.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from servers.pusher_service import frames
from servers.pusher_service.broker import Close, Counters, Send
from servers.pusher_service.limits import Limits
from servers.socket_writer import ConnectionLost, SocketWriter, TextFrame


class Outbox:
    """The frames on their way to one socket. Owned by the task that reads the socket, which must `stop` it.

    `on_closing` is called once, when the outbox has decided to close the socket: from then on nothing but the close
    is written, and the owner should not wait for long.
    """

    __slots__ = ("_backlog", "_backlog_bytes", "_closing", "_ending", "_limits", "_on_closing", "_task", "_writer")

    def __init__(self, writer: SocketWriter, limits: Limits, on_closing: Callable[[], None]) -> None:
        self._writer = writer
        self._limits = limits
        self._backlog_bytes = 0
        self._on_closing = on_closing
        self._backlog: deque[TextFrame] = deque()
        self._closing = False
        self._ending: tuple[int, str] | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, frame: TextFrame) -> bool:
        """Send a frame soon; never waits. Returns False when the client lags too far and is being closed for it."""
        if self._closing or (not self._backlog and self._writer.push(frame)):
            return True
        limits, size = self._limits, len(frame.payload)
        if len(self._backlog) >= limits.backlog_messages_max or self._backlog_bytes + size > limits.backlog_bytes_max:
            self.close(frames.RECONNECT, "too slow: reconnect and catch up")
            return False
        self._backlog.append(frame)
        self._backlog_bytes += size
        self._start_writing()
        return True

    def close(self, code: int, reason: str) -> None:
        """Close the socket after what is written already; drops the backlog, never waits."""
        if self._closing:
            return
        self._closing = True
        self._on_closing()
        self._backlog.clear()
        self._ending = code, reason
        self._start_writing()

    def stop(self) -> None:
        """Give up whatever is unsent."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()

    def _start_writing(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_backlog())

    async def _write_backlog(self) -> None:
        """Write the backlog in order, as fast as the client takes it, then close if that is due."""
        try:
            while self._backlog:
                await self._writer.drain()
                while self._backlog and self._writer.push(self._backlog[0]):
                    self._backlog_bytes -= len(self._backlog.popleft().payload)
            if self._ending is not None:
                await self._writer.close(*self._ending)
        except ConnectionLost:  # a lost client needs no policy: its reader is about to learn of it
            self._closing = True
            self._backlog.clear()


class AnyOutbox(Protocol):
    """What waits for one client, however it is connected."""

    def put(self, frame: TextFrame) -> bool: ...

    def close(self, code: int, reason: str) -> None: ...

    def stop(self) -> None: ...


class Outboxes:
    """The outboxes of all clients, by socket id."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._outboxes: dict[str, AnyOutbox] = {}

    def add(self, socket_id: str, outbox: AnyOutbox) -> None:
        """Have frames for this socket go there, until `remove`."""
        self._outboxes[socket_id] = outbox

    def remove(self, socket_id: str) -> None:
        """Forget a socket, and give up what is unsent to it."""
        self._outboxes.pop(socket_id).stop()

    def deliver(self, action: Send | Close) -> None:
        """Send a frame to its sockets, or close one; never waits."""
        if isinstance(action, Close):
            self._outboxes[action.socket_id].close(action.code, action.reason)
            return
        frame = TextFrame(action.text.encode())
        for socket_id in action.to:
            if not self._outboxes[socket_id].put(frame):
                self._counters.slow_connections_closed += 1
