"""The routes that all transports share, and the application around them.

Teaches how little depends on the transport: each server module adds the one route on which its clients receive events.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope
from starlette.types import Send as ASGISend
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from servers.addresses import network_of
from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import BadRequest, ChatError, NotFound
from servers.core.settings import Settings
from servers.core.wire import Heartbeat, Join, Leave, LogIn, MarkRead, Send, SocketCommand, Typing
from servers.http_endpoint import (
    Endpoint,
    Handler,
    error_response,
    get,
    identify,
    json_response,
    parse_body,
    post,
    query_number,
)
from servers.origin_middleware import OriginMiddleware
from servers.transports import find
from servers.wire_bytes import WireBytes

SEQ_MAX = 1 << 62
STATS = "/stats"


def chat_app(
    slug: str, chat: Chat, settings: Settings, own_routes: Sequence[BaseRoute], sockets: Sequence[BaseRoute] = ()
) -> Starlette:
    """Return a transport's application: its own routes and the shared ones, behind the origin middleware."""

    async def stats() -> dict[str, Any]:
        return collect_stats(app)

    direct = Middleware(DirectRouter, routes=[*sockets, *own_routes])
    app = Starlette(
        routes=[*own_routes, *shared_routes(chat, settings)],
        middleware=[Middleware(OriginMiddleware, settings=settings), direct],
        exception_handlers={HTTPException: _not_found, ChatError: _refuse},
        lifespan=lambda _: chat.running(),
    )
    app.state.slug = slug
    app.state.chat = chat
    app.state.counters = Counters()
    app.state.wire = WireBytes()
    app.state.stats = stats
    app.state.check = _no_complaint
    app.state.impairment = _no_complaint
    app.state.push_origins = ()
    return app


def collect_stats(app: Starlette) -> dict[str, Any]:
    """Return what this process has counted for an application."""
    return {"transport": app.state.slug, **asdict(app.state.counters), "wire": asdict(app.state.wire)}


class DirectRouter:
    """ASGI middleware: WebSockets and reads bypass Starlette's exception handling, since they raise nothing.

    It counts the connections that are busy: with a request, however long that is held, or with a WebSocket.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        reads = [route for route in routes if not isinstance(route, Route) or "GET" in (route.methods or ("GET",))]
        self._router = Router(reads, default=app)

    async def __call__(self, scope: Scope, receive: Receive, send: ASGISend) -> None:
        is_read = scope["type"] == "websocket" or scope.get("method") == "GET"
        app = self._router if is_read else self._app
        if scope["type"] == "lifespan" or scope["path"] == STATS:  # neither is a connection of a client
            await app(scope, receive, send)
            return
        with scope["app"].state.wire.busy():
            await app(scope, receive, send)


def shared_routes(chat: Chat, settings: Settings) -> list[BaseRoute]:
    """Return the routes that every transport has."""

    async def log_in(request: Request) -> Response:
        name = (await parse_body(request, LogIn, settings)).name
        token = request.headers.get("authorization", "").partition(" ")[2]
        network = network_of(request.client.host if request.client else "")
        return json_response(await chat.log_in(name, token, network))

    async def join(request: Request) -> Response:
        body = await parse_body(request, Join, settings)
        return json_response(await chat.join(*identify(chat, request), body.connection))

    async def heartbeat(request: Request) -> Response:
        body = await parse_body(request, Heartbeat, settings)
        return json_response(await chat.heartbeat(*identify(chat, request), body.connection))

    async def history(request: Request) -> Response:
        before = query_number(request, "before", SEQ_MAX)
        limit = query_number(request, "limit", settings.page_max)
        return json_response(await chat.history(*identify(chat, request), before, limit))

    behind_proxies = Middleware(ProxyHeadersMiddleware, trusted_hosts=settings.proxies)
    return [
        Route("/login", Endpoint(Purpose.UPKEEP, log_in), methods=["POST"], middleware=[behind_proxies]),
        post("/rooms/{room}/join", Purpose.UPKEEP, join),
        post("/rooms/{room}/heartbeat", Purpose.UPKEEP, heartbeat),
        *_command_routes(chat, settings),
        get("/rooms/{room}/history", Purpose.RECEIVE, history),
        Route("/health", _health),
        Route(STATS, _stats),
    ]


def _command_routes(chat: Chat, settings: Settings) -> list[BaseRoute]:
    """Return a route for each command, and one that refuses every other command."""

    def command(kind: type[SocketCommand]) -> Handler:
        async def execute(request: Request) -> Response:
            body = await parse_body(request, kind, settings)
            return json_response(await chat.execute(*identify(chat, request), body))

        return execute

    async def unknown_command(request: Request) -> Response:
        raise BadRequest(f"command: expected send, typing, mark_read or leave, got {request.path_params['command']!r}")

    return [
        post("/rooms/{room}/leave", Purpose.UPKEEP, command(Leave)),
        post("/rooms/{room}/send", Purpose.SEND, command(Send)),
        post("/rooms/{room}/typing", Purpose.SEND, command(Typing)),
        post("/rooms/{room}/mark_read", Purpose.SEND, command(MarkRead)),
        post("/rooms/{room}/{command}", Purpose.SEND, unknown_command),
    ]


async def _no_complaint() -> str:
    """Stand for `state.check` and `state.impairment` where there is no push service: return no complaint."""
    return ""


async def _health(request: Request) -> Response:
    """Respond with the facts that a client needs before it logs in; with 200 also when degraded: commands are served.

    framed_by: origins whose pages may control our page.
    """
    row = find(request.app.state.slug)
    impairment = await request.app.state.impairment()
    settings: Settings = request.app.state.chat.settings
    status = {"status": "degraded", "detail": impairment} if impairment else {"status": "ok"}
    transport = {"transport": row.slug, "label": row.label, "needs_push_service": row.needs_push_service}
    stated = {"framed_by": settings.origins, "ping_s": settings.ping_s, "hold_s": settings.hold_s}
    return JSONResponse({"ok": not impairment, **status, **transport, **stated})


async def _stats(request: Request) -> Response:
    return JSONResponse(await request.app.state.stats())


async def _refuse(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, ChatError)
    return error_response(refusal)


async def _not_found(request: Request, error: Exception) -> Response:
    return error_response(NotFound(f"{request.method} {request.url.path}: no such route"))
