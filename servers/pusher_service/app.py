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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from servers.pusher_service.answers import Answer
from servers.pusher_service.api import Api, ApiError
from servers.pusher_service.limits import Settings
from servers.pusher_service.protocol import Relay
from servers.pusher_service.signatures import BadSignature, Credentials, verify_call
from servers.pusher_service.sockets import Sockets
from servers.serving import WireBytes

Call = Callable[[Request, bytes], tuple[dict[str, Any], Iterable[Answer]]]


def create_app(credentials: Credentials, settings: Settings) -> Starlette:
    """Build the service for one application; `app.state.wire` is where the server counts bytes."""
    relay = Relay(credentials, settings, time.monotonic, new_socket_id)
    sockets = Sockets(relay, settings)
    http = HttpApi(credentials, settings, relay, sockets)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(sockets.sweep())
        try:
            yield
        finally:
            sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await sweeper

    app = Starlette(
        routes=[WebSocketRoute("/app/{key}", sockets), *http.routes()],
        exception_handlers={ApiError: _refuse},
        lifespan=lifespan,
    )
    app.state.wire = http.wire
    return app


def new_socket_id() -> str:
    """Return a fresh id; unguessable, since whoever knows it can exclude the socket from an event."""
    return f"{secrets.randbelow(1 << 31)}.{secrets.randbelow(1 << 31)}"


class HttpApi:
    """The HTTP side: the signed calls, each checked before it is understood, and the two open pages."""

    def __init__(self, credentials: Credentials, settings: Settings, relay: Relay, sockets: Sockets) -> None:
        self.wire = WireBytes()
        self._credentials = credentials
        self._settings = settings
        self._relay = relay
        self._sockets = sockets
        self._api = Api(relay, settings)

    def routes(self) -> list[Route]:
        """Return a route per call, in the order of the vendor's reference."""
        api, app = self._api, "/apps/{app_id}"
        return [
            Route(f"{app}/events", self._signed(lambda _, body: api.publish(body)), methods=["POST"]),
            Route(f"{app}/batch_events", self._signed(lambda _, body: api.publish_batch(body)), methods=["POST"]),
            Route(f"{app}/channels", self._signed(lambda request, _: (api.list_channels(request.query_params), []))),
            Route(
                f"{app}/channels/{{name}}",
                self._signed(lambda request, _: (api.describe_channel(_name(request), request.query_params), [])),
            ),
            Route(
                f"{app}/channels/{{name}}/users", self._signed(lambda request, _: (api.list_users(_name(request)), []))
            ),
            Route("/health", self._health),
            Route("/stats", self._stats),
        ]

    def _signed(self, call: Call) -> Callable[[Request], Awaitable[Response]]:
        """Wrap a call: right application, bounded body, good signature; then carry out what it decided."""

        async def endpoint(request: Request) -> Response:
            if request.path_params["app_id"] != self._credentials.app_id:
                raise ApiError(404, "there is no such app here")
            body = await _bounded_body(request, self._settings.call_bytes_max)
            params = request.query_params.multi_items()
            try:
                verify_call(self._credentials, request.method, request.scope["path"], params, body, time.time())
            except BadSignature as error:
                raise ApiError(401, str(error)) from error
            self._relay.counters.api_calls += 1
            answer, sends = call(request, body)
            self._sockets.carry_out(sends)
            return JSONResponse(answer)

        return endpoint

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _stats(self, _: Request) -> Response:
        counters = self._relay.counters
        return JSONResponse(
            {
                **asdict(counters),
                "billed_messages": counters.billed_messages,
                "connections_open": self._relay.connections_open,
                "subscriptions": self._relay.subscriptions,
                "wire": self.wire.as_dict(),
            }
        )


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
