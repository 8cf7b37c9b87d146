"""The service as a web application: the sockets, the signed HTTP API, and two pages for the operator.

Teaches what a rented push service looks like from the inside: long-lived sockets and short-lived requests over the same
state, so that a request of the API becomes frames on the sockets.

What crosses the wire: WebSocket on /app/{key}, its fallbacks on /pusher/app/{key}, the signed HTTP API under
/apps/{app_id}, and /health and /stats for the operator. Leaves out the check of Origin: like the vendor's, the socket
is open to pages of any origin, and signatures protect private channels.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from importlib import import_module
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from servers.addresses import names_loopback
from servers.pusher_service.api import Api, Json
from servers.pusher_service.authorization import Credentials, verify_call
from servers.pusher_service.bodies import bounded_body
from servers.pusher_service.broker import Broker
from servers.pusher_service.channels import EventCache
from servers.pusher_service.errors import ApiError
from servers.pusher_service.fallbacks import Fallbacks
from servers.pusher_service.limits import Counters, Limits, Quota
from servers.pusher_service.protocol import PusherConnections
from servers.pusher_service.sockets import Outboxes, SocketEndpoint
from servers.wire_bytes import WireBytes

Handler = Callable[[Request, bytes], Json]
Work = Callable[[], Coroutine[Any, Any, None]]
AGAIN_S = 1.0
log = logging.getLogger(__name__)


def create_app(credentials: Credentials, limits: Limits, webhook: str = "") -> Starlette:
    """Build the service for one application; `app.state.wire` is where the server counts bytes.

    `app.state.stop` ends the requests that wait for events. webhook: the URL to which changes of the channels are
    reported; empty for none.
    """
    counters = Counters()
    wire = WireBytes()
    outboxes = Outboxes(counters)
    broker = Broker(outboxes.deliver, counters, limits, EventCache(time.monotonic))
    background: list[Work] = []
    if webhook:
        webhooks = import_module("servers.pusher_service.webhooks")  # imported late: it adds 0.2 s to the start
        events = webhooks.WebhookEvents(time.monotonic)
        broker.note = events.note
        background.append(lambda: webhooks.send_webhooks(events, webhook, credentials, counters))
    quota = Quota(counters, limits.messages_a_day, time.time)
    connections = PusherConnections(credentials, limits, broker, quota, time.monotonic, new_socket_id)
    sockets = SocketEndpoint(connections, outboxes, limits)
    fallbacks = Fallbacks(connections, outboxes, limits)
    background += [sockets.check_idle, fallbacks.check_detached]

    async def stats(request: Request) -> Response:
        """Return the counters, to readers on this machine only."""
        if not names_loopback(request.headers.raw):
            raise ApiError(403, "the counters are for this machine: expected a loopback name in Host")
        allowed = {"connections": limits.connections_max, "messages_a_day": limits.messages_a_day}
        found = {
            **asdict(counters),
            "billed_messages": counters.billed_messages,
            "connections_open": connections.connections_open,
            "subscriptions": broker.subscriptions,
            "plan": {**allowed, "messages_today": quota.used},
            "wire": asdict(wire),
        }
        return JSONResponse(found)

    app = Starlette(
        routes=[
            WebSocketRoute("/app/{key}", sockets),
            fallbacks.routes(),
            *signed_routes(credentials, limits, Api(broker, limits, quota, connections.terminate), counters),
            Route("/health", _health),
            Route("/stats", stats),
        ],
        exception_handlers={ApiError: _refuse, 404: _refuse_path},
        lifespan=_lifespan(background),
    )
    app.state.wire = wire
    app.state.stop = fallbacks.stop
    return app


def new_socket_id() -> str:
    """Return a new id; unguessable, since a publisher who knows it can exclude the socket from an event."""
    return f"{secrets.randbelow(1 << 31)}.{secrets.randbelow(1 << 31)}"


def signed_routes(credentials: Credentials, limits: Limits, api: Api, counters: Counters) -> list[Route]:
    """Return a route per call of the HTTP API, in the order of the vendor's reference.

    Each checks the application, the length and the signature of a call before it parses the body.
    """

    def route(path: str, handler: Handler, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            if request.path_params["app_id"] != credentials.app_id:
                raise ApiError(404, "there is no such app here")
            body = await bounded_body(request, limits.call_bytes_max)
            params = request.query_params.multi_items()
            verify_call(credentials, request.method, request.scope["path"], params, body, time.time())
            counters.api_calls += 1
            return JSONResponse(handler(request, body))

        return Route(f"/apps/{{app_id}}/{path}", endpoint, methods=[method])

    def describe(request: Request, _: bytes) -> Json:
        return api.describe_channel(request.path_params["name"], request.query_params)

    def terminate(request: Request, _: bytes) -> Json:
        return api.terminate_connections(request.path_params["user_id"])

    return [
        route("events", lambda _, body: api.publish(body), "POST"),
        route("batch_events", lambda _, body: api.publish_batch(body), "POST"),
        route("channels", lambda request, _: api.list_channels(request.query_params)),
        route("channels/{name}", describe),
        route("channels/{name}/users", lambda request, _: api.list_users(request.path_params["name"])),
        route("users/{user_id}/terminate_connections", terminate, "POST"),
    ]


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _lifespan(background: Sequence[Work]) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Return a lifespan that runs the work in the background for as long as the service is up."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_repeated(work)) for work in background]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return lifespan


async def _repeated(work: Work) -> None:
    """Do the work until cancelled. An unexpected error is logged, and the work begins again after AGAIN_S."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s failed; again in %g s", work, AGAIN_S)
        await asyncio.sleep(AGAIN_S)


async def _refuse_path(request: Request, _: Exception) -> Response:
    return PlainTextResponse(f"there is no such path: {request.url.path[:80]!a}", 404)


async def _refuse(_: Request, error: Exception) -> Response:
    """Respond to an ApiError in plain text, as the vendor does."""
    assert isinstance(error, ApiError)
    return PlainTextResponse(str(error), error.status)
