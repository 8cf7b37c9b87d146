"""The sockets of the service: accept a connection, pass its frames to the protocol, write the responses, and close it.

Teaches how little I/O is left once a protocol is a state machine (`protocol` makes all decisions), and how a fan-out
stays fair. A frame is written at once if the transport has room. Only a client that lags gets a backlog and a task that
empties it; when the backlog is full, the service asks the client to reconnect.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope
from starlette.types import Send as ASGISend

from servers.asgi_extensions import SocketClosed, SocketWriter, TextFrame, writer_of
from servers.pusher_service import frames
from servers.pusher_service.broker import Close, Send
from servers.pusher_service.errors import ConnectionRejected
from servers.pusher_service.limits import Counters, Limits
from servers.pusher_service.protocol import PusherConnections


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
        limits = self._limits
        size = len(frame.payload)
        if len(self._backlog) >= limits.backlog_messages_max or self._backlog_bytes + size > limits.backlog_bytes_max:
            self.close(frames.RECONNECT, "too slow: reconnect and catch up")
            return False
        self._backlog.append(frame)
        self._backlog_bytes += size
        self._start_writing()
        return True

    def close(self, code: int, reason: str) -> None:
        """Close the socket after the frames that are written already; drops the backlog, never waits."""
        if self._closing:
            return
        self._closing = True
        self._on_closing()
        self._backlog.clear()
        self._ending = code, reason
        self._start_writing()

    def stop(self) -> None:
        """Drop all unsent frames."""
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
        except SocketClosed:  # nothing to do: the task that reads the socket will end, too
            self._closing = True
            self._backlog.clear()


class AnyOutbox(Protocol):
    """An outbox of one client, whose connection is a socket or a fallback."""

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
        """Forget a socket and its unsent frames."""
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


REASON_CHARS_MAX = 100  # a close frame has room for 123 bytes of reason (RFC 6455, section 5.5), and these are ASCII


class SocketEndpoint:
    """The WebSocket endpoint: one ASGI call per connection."""

    def __init__(self, connections: PusherConnections, outboxes: Outboxes, limits: Limits) -> None:
        self._connections = connections
        self._outboxes = outboxes
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: ASGISend) -> None:
        """Accept one connection and serve it until either side ends it."""
        await receive()
        await send({"type": "websocket.accept"})
        writer = writer_of(scope)
        protocol = QueryParams(scope["query_string"]).get("protocol")
        with suppress(SocketClosed):
            try:
                socket_id, greeting = self._connections.open(scope["path_params"]["key"], protocol)
            except ConnectionRejected as rejected:
                # Accepted first: a browser shows close codes only of connections that were open.
                await writer.write(TextFrame(frames.error(rejected.code, str(rejected)).encode()))
                await writer.close(rejected.code, str(rejected)[:REASON_CHARS_MAX])
                return
            await self._serve(socket_id, greeting, writer, receive)

    async def check_idle(self) -> None:
        """Have idle connections pinged or closed, until cancelled."""
        while True:
            await asyncio.sleep(self._limits.idle_check_s)
            self._connections.check_idle()

    async def _serve(self, socket_id: str, greeting: str, writer: SocketWriter, receive: Receive) -> None:
        """Handle a connection's frames until it ends, or until its client ignores a close frame for too long."""
        close_timeout = asyncio.timeout(None)

        def start_close_timeout() -> None:
            close_timeout.reschedule(asyncio.get_running_loop().time() + self._limits.close_wait_s)

        outbox = Outbox(writer, self._limits, start_close_timeout)
        self._outboxes.add(socket_id, outbox)
        try:
            async with close_timeout:
                outbox.put(TextFrame(greeting.encode()))
                while (message := await receive())["type"] == "websocket.receive":
                    self._connections.handle_frame(socket_id, message.get("text") or "")
        except TimeoutError:
            pass  # the client has not read its close frame
        finally:
            self._outboxes.remove(socket_id)
            self._connections.close(socket_id)
