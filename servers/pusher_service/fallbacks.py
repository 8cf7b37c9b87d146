"""The fallbacks of pusher-js, for a network that lets no WebSocket through: the same protocol over plain HTTP requests.

Teaches that even a vendor's client can fall back to polling. What crosses the wire is the framing of SockJS
(https://sockjs.github.io/sockjs-protocol/sockjs-protocol-0.3.3.html): `POST .../xhr_streaming` has a response that goes
on, `POST .../xhr` one that ends with its first line, and `POST .../xhr_send` carries a JSON array of a client's frames.
A line is `o` (open), `h` (nothing yet), `a[...]` for frames or `c[code,reason]` for the end. Lines that are being sent
when a request breaks off are lost.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route

from servers.asgi_extensions import TextFrame
from servers.pusher_service import frames
from servers.pusher_service.bodies import bounded_body
from servers.pusher_service.errors import ApiError, ConnectionRejected
from servers.pusher_service.limits import Limits
from servers.pusher_service.protocol import PusherConnections
from servers.pusher_service.sockets import Outboxes

HEARTBEAT_S = 25.0
SERVICE_RESTART = 1012  # of RFC 6455's registry of close codes


def closing_line(code: int, reason: str) -> str:
    """Return the line that closes a connection."""
    return f"c{frames.as_json([code, reason])}\n"


def frame_line(text: str) -> str:
    """Return the line that carries a frame."""
    return f"a{frames.as_json([text])}\n"


class HttpOutbox:
    """The lines that wait for one client, as the frames in an `Outbox` wait for a socket.

    receivers: how many requests receive them; detached_at_s: when the last such request ended, on the loop's clock.
    """

    def __init__(self, limits: Limits) -> None:
        self.is_closed = False
        self.receivers = 0
        self.detached_at_s = 0.0
        self._limits = limits
        self._lines: deque[str] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._receiver = object()

    @property
    def is_over(self) -> bool:
        """Whether the client has got the line that closes its connection: between two polls, that line waits."""
        return self.is_closed and not self._lines

    def put(self, frame: TextFrame) -> bool:
        """Add a frame; never waits. Returns False when the client lags too far and is being closed for it."""
        if self.is_closed:
            return True
        limits = self._limits
        self._bytes += len(frame.payload)
        if len(self._lines) >= limits.backlog_messages_max or self._bytes > limits.backlog_bytes_max:
            self.close(frames.RECONNECT, "too slow: reconnect and catch up")
            return False
        self._add(frame_line(frame.payload.decode()))
        return True

    def close(self, code: int, reason: str) -> None:
        """Close the connection by its next line; drops the others."""
        if not self.is_closed:
            self._lines.clear()
            self._add(closing_line(code, reason))
            self.stop()

    def stop(self) -> None:
        """Take no more frames, and let the request that waits end."""
        self.is_closed = True
        self._arrived.set()

    async def lines(self) -> AsyncGenerator[str]:
        """Yield lines as they come, until the connection is closed, or until another request receives them."""
        receiver = object()
        self._receiver = receiver
        self._arrived.set()  # wakes the request that has received until now, which then ends
        self.receivers += 1
        try:
            while self._receiver is receiver:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._arrived.wait()
                except TimeoutError:
                    yield "h\n"
                if self._receiver is receiver:
                    self._arrived.clear()
                    text = "".join(self._lines)
                    self._lines.clear()
                    self._bytes = 0
                    if text:
                        yield text
                    if self.is_closed:
                        return
        finally:
            self.receivers -= 1
            self.detached_at_s = asyncio.get_running_loop().time()

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._arrived.set()


OPEN = "o\n"
CHECK_S = 0.5
NAME_CHARS_MAX = 64  # pusher-js gives itself 12 (8.6.0)


class Fallbacks:
    """The endpoints of the fallbacks, and their connections by long random names that clients give themselves."""

    def __init__(self, connections: PusherConnections, outboxes: Outboxes, limits: Limits) -> None:
        self._connections = connections
        self._outboxes = outboxes
        self._limits = limits
        self._open: dict[str, tuple[str, HttpOutbox]] = {}

    def routes(self) -> Mount:
        """Return the routes, which pages of any origin may use, as they may use the socket."""
        path = "/app/{key}/{number}/{session}"
        cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["POST"], allow_headers=["Content-Type"])
        return Mount(
            "/pusher",
            routes=[
                Route(f"{path}/xhr_send", self._send, methods=["POST"]),
                Route(f"{path}/{{kind:str}}", self._receive, methods=["POST"]),
            ],
            middleware=[cors],
        )

    def stop(self) -> None:
        """Close all connections, as uvicorn closes sockets: the service stops, and would wait for their requests."""
        for _, outbox in self._open.values():
            outbox.close(SERVICE_RESTART, "the service stops")

    async def check_detached(self) -> None:
        """Until cancelled, end connections that are over, or had no open request for `detached_s`."""
        while True:
            await asyncio.sleep(CHECK_S)
            horizon_s = asyncio.get_running_loop().time() - self._limits.detached_s
            for name, (socket_id, outbox) in list(self._open.items()):
                if not outbox.receivers and (outbox.is_over or outbox.detached_at_s < horizon_s):
                    del self._open[name]
                    self._outboxes.remove(socket_id)
                    self._connections.close(socket_id)

    async def _receive(self, request: Request) -> Response:
        """Respond with lines: one response that goes on, or one for each."""
        kind = request.path_params["kind"]
        if kind not in ("xhr", "xhr_streaming"):
            raise ApiError(404, f"expected xhr, xhr_streaming or xhr_send, got {kind[:40]!r}")
        name = _name(request)
        is_new = name not in self._open
        if is_new:
            try:
                self._admit(name, request)
            except ConnectionRejected as rejected:
                error = frame_line(frames.error(rejected.code, str(rejected)))
                return Response(OPEN + error + closing_line(rejected.code, str(rejected)), media_type="text/plain")
        lines = self._lines(self._open[name][1], is_new, kind == "xhr")
        return StreamingResponse(lines, media_type="text/plain")

    def _admit(self, name: str, request: Request) -> None:
        socket_id, greeting = self._connections.open(request.path_params["key"], request.query_params.get("protocol"))
        outbox = HttpOutbox(self._limits)
        outbox.detached_at_s = asyncio.get_running_loop().time()
        outbox.put(TextFrame(greeting.encode()))
        self._outboxes.add(socket_id, outbox)
        self._open[name] = socket_id, outbox

    async def _lines(self, outbox: HttpOutbox, is_new: bool, is_one: bool) -> AsyncIterator[str]:
        if is_new:
            yield OPEN
            if is_one:
                return
        async with aclosing(outbox.lines()) as lines:
            async for line in lines:
                yield line
                if is_one:
                    return

    async def _send(self, request: Request) -> Response:
        """Handle a client's frames, in order."""
        body = await bounded_body(request, self._limits.call_bytes_max)
        if _name(request) not in self._open:
            raise ApiError(404, "there is no such session: open it first")
        socket_id, outbox = self._open[_name(request)]
        for text in frames.decode(body, list[str]):
            if not outbox.is_closed:
                self._connections.handle_frame(socket_id, text)
        return Response(status_code=204)


def _name(request: Request) -> str:
    name = f"{request.path_params['number']}/{request.path_params['session']}"
    if len(name) > NAME_CHARS_MAX:
        raise ApiError(400, f"expected a session's number and name to have at most {NAME_CHARS_MAX} characters")
    return name
