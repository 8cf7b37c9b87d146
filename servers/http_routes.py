"""The routes that all transports share, and what their own routes are made of.

Teaches how little depends on the transport: logging in, joining, sending, typing, receipts, history, health and
statistics are the same everywhere. Each server module adds the one route on which its clients learn of new events.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope
from starlette.types import Send as ASGISend

from servers.core.auth import Identity
from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import BadRequest, ChatError, NotFound, TooLarge, Unauthenticated
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.core.wire import (
    Cursor,
    Heartbeat,
    Join,
    Leave,
    LogIn,
    MarkRead,
    Refusal,
    Send,
    SocketCommand,
    Typing,
    Undecodable,
    decode,
    encode,
)
from servers.origin_middleware import OriginMiddleware
from servers.serving import WireBytes

Handler = Callable[[Request], Awaitable[Response]]
Body = TypeVar("Body")
NO_LIMIT = 1 << 62
QUERY_BYTES_MAX = 1024


def chat_app(
    slug: str, chat: Chat, settings: Settings, own_routes: Sequence[BaseRoute], sockets: Sequence[BaseRoute] = ()
) -> Starlette:
    """Return a transport's application: its own routes, the shared ones, and the door before them all."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with chat.running():
            yield

    app = Starlette(
        routes=[*own_routes, *shared_routes(chat, settings)],
        middleware=[Middleware(OriginMiddleware, settings=settings), Middleware(Sockets, routes=sockets)],
        exception_handlers={HTTPException: _no_such_route},
        lifespan=lifespan,
    )
    app.state.slug = slug
    app.state.counters = Counters()
    app.state.wire = WireBytes()
    app.state.stats = partial(_own_stats, app)
    return app


def own_stats(app: Starlette) -> dict[str, Any]:
    """Return what this process has counted for an application."""
    return {"transport": app.state.slug, **app.state.counters.as_dict(), "wire": app.state.wire.as_dict()}


async def _own_stats(app: Starlette) -> dict[str, Any]:
    return own_stats(app)


class Sockets:
    """ASGI middleware: leads WebSockets round Starlette's handling of exceptions, which costs 1 us a frame sent."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._router = Router(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: ASGISend) -> None:
        await (self._router if scope["type"] == "websocket" else self._app)(scope, receive, send)


def shared_routes(chat: Chat, settings: Settings) -> list[BaseRoute]:
    """Return the routes that every transport has."""

    async def log_in(request: Request) -> Response:
        wish = await body(request, LogIn, settings)
        return answer(await chat.log_in(wish.name, request.headers.get("authorization", "").removeprefix("Bearer ")))

    async def join(request: Request) -> Response:
        wish = await body(request, Join, settings)
        return answer(await chat.join(bearer(chat, request), request.path_params["room"], wish.connection))

    async def heartbeat(request: Request) -> Response:
        wish = await body(request, Heartbeat, settings)
        return answer(await chat.heartbeat(bearer(chat, request), request.path_params["room"], wish.connection))

    async def history(request: Request) -> Response:
        before = whole_number(request, "before", NO_LIMIT)
        limit = whole_number(request, "limit", settings.page_max)
        return answer(await chat.history(bearer(chat, request), request.path_params["room"], before, limit))

    def command(kind: type[SocketCommand]) -> Handler:
        async def carry_out(request: Request) -> Response:
            wish = await body(request, kind, settings)
            return answer(await chat.carry_out(bearer(chat, request), request.path_params["room"], wish))

        return carry_out

    async def unknown_command(request: Request) -> Response:
        raise BadRequest(f"command: expected send, typing, mark_read or leave, got {request.path_params['command']!r}")

    return [
        post("/login", Purpose.UPKEEP, log_in),
        post("/rooms/{room}/join", Purpose.UPKEEP, join),
        post("/rooms/{room}/heartbeat", Purpose.UPKEEP, heartbeat),
        post("/rooms/{room}/leave", Purpose.UPKEEP, command(Leave)),
        post("/rooms/{room}/send", Purpose.SEND, command(Send)),
        post("/rooms/{room}/typing", Purpose.SEND, command(Typing)),
        post("/rooms/{room}/mark_read", Purpose.SEND, command(MarkRead)),
        post("/rooms/{room}/{command}", Purpose.SEND, unknown_command),
        get("/rooms/{room}/history", Purpose.RECEIVE, history),
        Route("/health", _health),
        Route("/stats", _stats),
    ]


def get(path: str, purpose: Purpose, handler: Handler) -> Route:
    """Return the route of what is read."""
    return Route(path, Answering(purpose, handler), methods=["GET"])


def post(path: str, purpose: Purpose, handler: Handler) -> Route:
    """Return the route of what is done."""
    return Route(path, Answering(purpose, handler), methods=["POST"])


class Answering:
    """An ASGI endpoint: a handler's answer, counted under its purpose, with every refusal turned into one.

    An endpoint of its own spares each request Starlette's handling of exceptions, which has nothing left to catch.
    """

    def __init__(self, purpose: Purpose, handler: Handler) -> None:
        self._purpose = purpose
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: ASGISend) -> None:
        request = Request(scope, receive)
        request.app.state.counters.requests[self._purpose] += 1
        try:
            response = await self._handler(request)
        except ChatError as refusal:
            response = refused(refusal)
        except ClientDisconnect:
            return  # nobody is there to read an answer
        await response(scope, receive, send)


class Reader(NamedTuple):
    """Who reads which room, on which of their connections, from which cursor."""

    identity: Identity
    room: str
    connection: str
    after: Cursor


def reading(chat: Chat, request: Request) -> Reader:
    """Return what a request for events says; raises Unauthenticated or BadRequest."""
    identity = bearer(chat, request)
    query_string: bytes = request.scope["query_string"]
    if len(query_string) > QUERY_BYTES_MAX:
        raise BadRequest(f"query: expected at most {QUERY_BYTES_MAX} bytes, got {len(query_string)}")
    try:
        after, connection = question(query_string)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return Reader(identity, request.path_params["room"], connection, after)


@lru_cache(maxsize=4096)
def question(query_string: bytes) -> tuple[Cursor, str]:
    """Return the cursor and the connection that a poll names; until there is news, it asks the same to the letter."""
    asked = dict(parse_qsl(query_string.decode("latin-1")))
    return Cursor.parse(asked.get("after", "")), asked.get("connection", "")


class PageResponse(Response):
    """A page as an answer, without what Starlette would work out anew for each: thousands of polls get the same."""

    def __init__(self, page: EncodedPage) -> None:
        self.status_code = 200
        self.background = None
        self.body = page.body
        self.raw_headers = [(b"content-length", b"%d" % len(page.body)), (b"content-type", b"application/json")]


def page_answer(request: Request, page: EncodedPage) -> Response:
    """Answer with a page, and count what it tells."""
    counters: Counters = request.app.state.counters
    counters.events_delivered += page.count
    counters.empty_answers += not page.count
    return PageResponse(page)


def answer(value: object) -> Response:
    return Response(encode(value), media_type="application/json")


def refused(refusal: ChatError) -> Response:
    return Response(encode(Refusal(refusal.code, refusal.detail)), refusal.http_status, media_type="application/json")


def bearer(chat: Chat, request: Request) -> Identity:
    """Return whose token the Authorization header carries; raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Authorization: expected Bearer and a token that POST /login gave; log in first")
    return chat.verify(token)


async def raw_body(request: Request, settings: Settings) -> bytes:
    """Read the request's body; raises TooLarge as soon as it is longer than allowed."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > settings.request_bytes_max:
            raise TooLarge(f"body: expected at most {settings.request_bytes_max} bytes; send it in parts")
    return bytes(received)


async def body(request: Request, kind: type[Body], settings: Settings) -> Body:
    """Read and validate a JSON body; raises BadRequest, TooLarge."""
    try:
        return decode(await raw_body(request, settings), type=kind)
    except Undecodable as error:
        raise BadRequest(f"body: {error}") from None


def whole_number(request: Request, field: str, default: int) -> int:
    """Return a query parameter that counts something; raises BadRequest."""
    text = request.query_params.get(field)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise BadRequest(f"{field}: expected a whole number, got {text[:80]!r}")
    return int(text)


async def _health(request: Request) -> Response:
    return JSONResponse({"ok": True, "transport": request.app.state.slug})


async def _stats(request: Request) -> Response:
    return JSONResponse(await request.app.state.stats())


async def _no_such_route(request: Request, error: Exception) -> Response:
    return refused(NotFound(f"{request.method} {request.url.path}: no such route here"))
