"""The service as a web application: the sockets, the signed HTTP API, and two pages for whoever runs it.

Teaches what a rented push service looks like from the inside: one long-lived side and one short-lived side over the
same state, so that a request on the one becomes frames on the other. Only `app`, `sockets` and `outbox` wait.

What crosses the wire: WebSocket on /app/{key}, the signed HTTP API under /apps/{app_id}, and /health and /stats for
whoever runs it. Leaves out TLS and the check of Origin: like the vendor's, the socket is open to pages of any origin,
and what is private is guarded by signatures.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from servers.pusher_service.api import Api, ApiError
from servers.pusher_service.exchange import Deliver, Exchange, Stats, Unreachable
from servers.pusher_service.in_process import InProcess
from servers.pusher_service.limits import Settings
from servers.pusher_service.outbox import Outboxes
from servers.pusher_service.protocol import PusherConnections
from servers.pusher_service.signatures import BadSignature, Credentials, verify_call
from servers.pusher_service.sockets import Sockets
from servers.wire_bytes import WireBytes

Call = Callable[[Request, bytes], Awaitable[dict[str, Any]]]


def create_app(credentials: Credentials, settings: Settings, redis_url: str | None = None) -> Starlette:
    """Build the service for one application; `app.state.wire` is where the server counts bytes.

    With `redis_url` it is one of several workers, which share their channels there.
    """
    relay = PusherConnections(credentials, settings, time.monotonic, new_socket_id)
    outboxes = Outboxes(relay.counters)
    wire = WireBytes()

    def stats() -> Stats:
        return {
            **asdict(relay.counters),
            "billed_messages": relay.counters.billed_messages,
            "connections_open": relay.connections_open,
            "subscriptions": relay.subscriptions,
            "wire": wire.as_dict(),
        }

    exchange: Exchange
    if redis_url is None:
        exchange = InProcess(outboxes.deliver, relay.counters, settings.members_max, stats)
    else:
        exchange = shared(redis_url, credentials.app_id, settings, relay, outboxes.deliver, stats)
    sockets = Sockets(relay, exchange, outboxes, settings)
    http = HttpApi(credentials, settings, relay, exchange)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with exchange.running():
            sweeper = asyncio.create_task(sockets.sweep())
            try:
                yield
            finally:
                sweeper.cancel()
                with suppress(asyncio.CancelledError):
                    await sweeper

    app = Starlette(
        routes=[WebSocketRoute("/app/{key}", sockets), *http.routes()],
        exception_handlers={ApiError: _refuse, Unreachable: _unreachable},
        lifespan=lifespan,
    )
    app.state.wire = wire
    return app


def shared(
    url: str, app_id: str, settings: Settings, relay: PusherConnections, deliver: Deliver, stats: Callable[[], Stats]
) -> Exchange:
    """Return an exchange that lives in Redis, whose driver is imported only here: one process needs none."""
    from servers.pusher_service.redis_exchange import RedisExchange

    def lost() -> None:
        for answer in relay.cut_off("the channels of this worker are lost: reconnect and catch up"):
            deliver(answer)

    return RedisExchange(url, app_id, settings, deliver, lost, relay.counters, stats)


def new_socket_id() -> str:
    """Return a fresh id; unguessable, since whoever knows it can exclude the socket from an event."""
    return f"{secrets.randbelow(1 << 31)}.{secrets.randbelow(1 << 31)}"


class HttpApi:
    """The HTTP side: the signed calls, each checked before it is understood, and the two open pages."""

    def __init__(
        self, credentials: Credentials, settings: Settings, relay: PusherConnections, exchange: Exchange
    ) -> None:
        self._credentials = credentials
        self._settings = settings
        self._counters = relay.counters
        self._exchange = exchange
        self._api = Api(exchange, settings, relay.counters)

    def routes(self) -> list[Route]:
        """Return a route per call, in the order of the vendor's reference."""
        api, app = self._api, "/apps/{app_id}"
        signed = self._signed
        return [
            Route(f"{app}/events", signed(lambda _, body: api.publish(body)), methods=["POST"]),
            Route(f"{app}/batch_events", signed(lambda _, body: api.publish_batch(body)), methods=["POST"]),
            Route(f"{app}/channels", signed(lambda request, _: api.list_channels(request.query_params))),
            Route(
                f"{app}/channels/{{name}}",
                signed(lambda request, _: api.describe_channel(_name(request), request.query_params)),
            ),
            Route(f"{app}/channels/{{name}}/users", signed(lambda request, _: api.list_users(_name(request)))),
            Route("/health", self._health),
            Route("/stats", self._stats),
        ]

    def _signed(self, call: Call) -> Callable[[Request], Awaitable[Response]]:
        """Wrap a call: right application, bounded body, good signature."""

        async def endpoint(request: Request) -> Response:
            if request.path_params["app_id"] != self._credentials.app_id:
                raise ApiError(404, "there is no such app here")
            body = await _bounded_body(request, self._settings.call_bytes_max)
            params = request.query_params.multi_items()
            try:
                verify_call(self._credentials, request.method, request.scope["path"], params, body, time.time())
            except BadSignature as error:
                raise ApiError(401, str(error)) from error
            self._counters.api_calls += 1
            return JSONResponse(await call(request, body))

        return endpoint

    async def _health(self, _: Request) -> Response:
        if not self._exchange.reachable:
            raise Unreachable("no connection to the other workers")
        return JSONResponse({"status": "ok"})

    async def _stats(self, _: Request) -> Response:
        return JSONResponse(await self._exchange.totals())


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    return name


async def _bounded_body(request: Request, bytes_max: int) -> bytes:
    """Read the body; raises ApiError as soon as it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise ApiError(413, f"expected a body of at most {bytes_max} bytes")
    return bytes(body)


async def _refuse(_: Request, error: Exception) -> Response:
    """Answer an ApiError in plain text, as the vendor does."""
    assert isinstance(error, ApiError)
    return PlainTextResponse(str(error), error.status)


async def _unreachable(_: Request, error: Exception) -> Response:
    """Answer that the call can be made again: whether it took place is not known."""
    return PlainTextResponse(f"{error}: try again soon", 503, {"retry-after": "1"})
