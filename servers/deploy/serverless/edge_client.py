"""The client of one request, as the edge has it: ASGI, and one thing that ASGI lacks.

Teaches that a response which has begun can no longer be replaced, only broken off. ASGI has no message for that: our
protocols add the transport's `abort` to the scope, as an extension.
"""

from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from websockets.http11 import Request

from servers.limited_protocols import LimitedHttp, LimitedSocket

ABORT = "push_or_poll.abort"
Headers = list[tuple[bytes, bytes]]


class EdgeHttp(LimitedHttp):
    """HTTP, with the extension."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: Any = self.scope
        scope["extensions"] = {ABORT: self.transport.abort}


class EdgeSocket(LimitedSocket):
    """A WebSocket, with the extension."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            scope: Any = self.scope
            scope["extensions"][ABORT] = self.transport.abort


class Client:
    """is_socket: whether it opens a WebSocket. has_responded: whether a response has begun."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self._send = send
        self._abort = scope["extensions"].pop(ABORT)  # a scope that kept it would be garbage only a collector finds
        self.is_socket: bool = scope["type"] == "websocket"
        self.has_responded = False

    @property
    def target(self) -> bytes:
        """The request's target as it came: path and query."""
        path: bytes = self.scope["raw_path"]
        query: bytes = self.scope["query_string"]
        return path + b"?" + query if query else path

    async def send(self, message: Message) -> None:
        """Send an ASGI message; waits while the client is slow. To a client that is gone it sends nothing."""
        self.has_responded = True
        with suppress(OSError, RuntimeError):  # uvicorn raises the latter once it has closed a socket itself
            await self._send(message)

    async def respond(self, response: Response) -> None:
        """Send a complete response of the edge's own."""
        await response(self.scope, self.receive, self.send)

    def head(self, status: int, headers: Headers) -> Message:
        kind = "websocket.http.response.start" if self.is_socket else "http.response.start"
        return {"type": kind, "status": status, "headers": headers}

    def body(self, data: bytes, is_last: bool = False) -> Message:
        kind = "websocket.http.response.body" if self.is_socket else "http.response.body"
        return {"type": kind, "body": data, "more_body": not is_last}

    async def cut(self) -> None:
        """Close the connection at once; waits until it is."""
        self._abort()
        while not self.is_socket and (await self.receive())["type"] != "http.disconnect":
            pass
