"""The demo's own server: its page, its controls, and a stream of counters.

Teaches how a page on loopback that can start processes is kept from other pages: controls are JSON only, from this
page's exact Host and Origin, and carry a secret that only the page was given.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from servers.core.errors import BadRequest, ChatError, Forbidden
from servers.core.settings import Settings
from servers.core.wire import Undecodable, decode, encode
from servers.demo.controller import DemoController
from servers.demo.link import HOST
from servers.demo.messages import (
    AnyWish,
    CountAnew,
    Done,
    EnableLane,
    Gather,
    HostOn,
    Look,
    Open,
    Opened,
    Reach,
    Reached,
    Restart,
    Shape,
)
from servers.deploy.child_process import ChildFailed
from servers.http_endpoint import error_response, json_response, read_body
from servers.origin_middleware import OriginMiddleware
from servers.pages import LOOPBACK_ANY_PORT, Pages, page_headers
from servers.wire_bytes import WireBytes

SECRET_MARK = "{{ secret }}"
HEADERS = page_headers(frames=LOOPBACK_ANY_PORT)


def create_app(stage: DemoController, web: Path, settings: Settings) -> Starlette:
    """Return the demo over a stage. web: the folder of the browser's client. Raises OSError if it is not there."""
    page = (web / "index.html").read_text(encoding="utf-8")
    secret = secrets.token_urlsafe(24)

    async def index(request: Request) -> Response:
        """The page, with the secret that its controls need; by its number, since the lanes know its origin by that."""
        if request.url.hostname != HOST:
            return RedirectResponse(request.url.replace(hostname=HOST))
        return Response(page.replace(SECRET_MARK, secret), media_type="text/html", headers=HEADERS)

    async def control(request: Request) -> Response:
        """Carry out one wish; waits until it is done."""
        try:
            require_own_page(request, secret)
            wish = decode(await read_body(request, settings), type=AnyWish)
            return json_response(await fulfil(stage, wish))
        except ChatError as refusal:
            return error_response(refusal)
        except (*Undecodable, ChildFailed) as error:
            return error_response(BadRequest(f"control: {error}"))

    async def counters(request: Request) -> Response:
        """Stream what there is to see, for as long as the window is open."""
        window = request.query_params.get("window", "")
        return EventSourceResponse(events(stage.looks(window)), ping=20, sep="\n")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with stage.running():
            yield

    app = Starlette(
        routes=[
            Route("/", index),
            Route("/index.html", RedirectResponse("/")),
            Route("/control", control, methods=["POST"]),
            Route("/counters", counters),
            Mount("/", Pages(web, HEADERS)),
        ],
        middleware=[Middleware(OriginMiddleware, settings=settings)],
        lifespan=lifespan,
    )
    app.state.wire = WireBytes()
    return app


async def fulfil(stage: DemoController, wish: AnyWish) -> Opened | Reached | Done:
    """Do what the page wants, and return what it is told. Raises ChatError, ChildFailed."""
    match wish:
        case Open(window):
            return await stage.open(window)
        case Shape(window, delay_ms, is_cut):
            stage.shape(window, delay_ms, is_cut)
        case Restart(lane):
            await stage.restart(lane)
        case Gather(people):
            await stage.gather(people)
        case EnableLane(lane, on):
            await stage.enable_lane(lane, on)
        case Reach(window, lane):
            return await stage.reach(window, lane)
        case HostOn(profile):
            await stage.host_on(profile)
        case CountAnew(window):
            await stage.count_anew(window)
    return Done()


def require_own_page(request: Request, secret: str) -> None:
    """Raise Forbidden unless the page that was served here asks, by its exact origin, in JSON, with the secret."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin", "")
    if origin != f"http://{host}":
        raise Forbidden(f"Origin: expected http://{host}, got {origin[:80]!r}")
    if request.headers.get("content-type") != "application/json":
        raise Forbidden("Content-Type: expected application/json")
    if not secrets.compare_digest(request.headers.get("x-secret", "").encode(), secret.encode()):
        raise Forbidden("X-Secret: expected the one of the page; load it anew")


async def events(looks: AsyncIterator[Look]) -> AsyncIterator[ServerSentEvent]:
    """Yield each look as an event; an event `gone` tells a window that it has been closed."""
    try:
        async for look in looks:
            yield ServerSentEvent(encode(look).decode(), sep="\n")
    except ChatError as refusal:
        yield ServerSentEvent(refusal.detail, event="gone", sep="\n")
