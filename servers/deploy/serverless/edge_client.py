"""The client of one request, as the edge sees it, and the platform's own responses, for when no function responds.

Teaches that a response that has begun can no longer be replaced, only aborted. ASGI has no message for that: our
protocols add the transport's `abort` to the scope, as an extension. And that a client of a serverless app must be ready
for responses that the app has not written: a status, an error code, and a page that is not JSON. Codes and statuses are
those of https://vercel.com/docs/errors.
"""

import secrets
from contextlib import suppress
from typing import Any, NamedTuple

from starlette.responses import PlainTextResponse, Response
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
        self._abort = scope["extensions"].pop(ABORT)  # otherwise scope and transport would form a reference cycle
        self.is_socket: bool = scope["type"] == "websocket"
        self.has_responded = False

    @property
    def target(self) -> bytes:
        """The request's target, unchanged: path and query."""
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

    async def fail(self, error: "PlatformError") -> None:
        """Send the platform's error instead of a response, or close a connection on which one has begun; waits."""
        if not self.has_responded:
            await self.respond(page(error))
            return
        self._abort()
        while not self.is_socket and (await self.receive())["type"] != "http.disconnect":
            pass


class PlatformError(NamedTuple):
    """A status and an error code of the platform."""

    status: int
    code: str


class Refused(Exception):
    """A request that reaches no function, because of this error."""

    def __init__(self, error: PlatformError) -> None:
        super().__init__(error.code)
        self.error = error


TIMEOUT = PlatformError(504, "FUNCTION_INVOCATION_TIMEOUT")
THROTTLED = PlatformError(503, "FUNCTION_THROTTLED")
FAILED = PlatformError(500, "FUNCTION_INVOCATION_FAILED")
TOO_LARGE = PlatformError(413, "FUNCTION_PAYLOAD_TOO_LARGE")
BAD_REQUEST = PlatformError(400, "BAD_REQUEST")


def page(error: PlatformError) -> Response:
    """Return the response for an error."""
    request_id = f"local::{secrets.token_hex(8)}"
    text = f"An error occurred with your deployment\n\n{error.code}\n\n{request_id}\n"
    headers = {"X-Vercel-Error": error.code, "X-Vercel-Id": request_id, "Cache-Control": "no-store"}
    return PlainTextResponse(text, error.status, headers)
