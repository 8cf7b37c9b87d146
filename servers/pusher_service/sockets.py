"""The sockets of the service: accept a connection, give its frames to the protocol, and close it.

Teaches how little I/O is left once a protocol is a state machine. Leaves out all decisions (`protocol`) and the waiting
(`outbox`).
"""

import asyncio
from contextlib import suppress

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from servers.pusher_service import frames
from servers.pusher_service.errors import ConnectionRejected
from servers.pusher_service.limits import Limits
from servers.pusher_service.outbox import Outbox, Outboxes
from servers.pusher_service.protocol import PusherConnections
from servers.socket_writer import ConnectionLost, SocketWriter, TextFrame, writer_of

REASON_CHARS_MAX = 100  # a close frame has room for 123 bytes of reason (RFC 6455, section 5.5), and these are ASCII


class SocketEndpoint:
    """The WebSocket endpoint: one ASGI call per connection."""

    def __init__(self, connections: PusherConnections, outboxes: Outboxes, limits: Limits) -> None:
        self._connections = connections
        self._outboxes = outboxes
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept one connection and serve it until either side ends it."""
        await receive()
        await send({"type": "websocket.accept"})
        writer = writer_of(scope)
        protocol = QueryParams(scope["query_string"]).get("protocol")
        with suppress(ConnectionLost):
            try:
                socket_id, greeting = self._connections.open(scope["path_params"]["key"], protocol)
            except ConnectionRejected as rejected:
                # Accepted first: a browser shows close codes only of connections that were open.
                await writer.write(TextFrame(frames.error(rejected.code, str(rejected)).encode()))
                await writer.close(rejected.code, str(rejected)[:REASON_CHARS_MAX])
                return
            await self._serve(socket_id, greeting, writer, receive)

    async def check_idle(self) -> None:
        """Look for idle connections until cancelled."""
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
            pass  # the client did not even take its close frame
        finally:
            self._outboxes.remove(socket_id)
            self._connections.close(socket_id)
