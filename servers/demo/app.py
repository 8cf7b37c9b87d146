"""The demo's own server: its page, its controls, and a stream of counters.

Teaches how a page on loopback that can start processes is kept from other pages: controls are JSON only, from this
page's exact Host and Origin, and carry a secret that only the page was given.
"""

import secrets
from collections.abc import AsyncIterator
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
from servers.demo import messages
from servers.demo.controller import DemoController
from servers.deploy.child_process import LOOPBACK, ChildFailed
from servers.http_endpoint import error_response, json_response, read_body
from servers.origin_middleware import OriginMiddleware
from servers.pages import LOOPBACK_ANY_PORT, Pages, page_headers
from servers.wire_bytes import WireBytes

SECRET_MARK = "{{ secret }}"
HEADERS = page_headers(frames=LOOPBACK_ANY_PORT)


def create_app(controller: DemoController, web: Path, settings: Settings) -> Starlette:
    """Return the demo's application. web: the folder of the browser's client. Raises OSError if it is not there."""
    page = (web / "index.html").read_text(encoding="utf-8")
    secret = secrets.token_urlsafe(24)

    async def index(request: Request) -> Response:
        """The page, with the secret that its controls need; at its IP address, which is the origin that lanes allow."""
        if request.url.hostname != LOOPBACK:
            return RedirectResponse(request.url.replace(hostname=LOOPBACK))
        return Response(page.replace(SECRET_MARK, secret), media_type="text/html", headers=HEADERS)

    async def control(request: Request) -> Response:
        """Carry out one command; waits until it is done."""
        try:
            require_own_page(request, secret)
            command = decode(await read_body(request, settings), type=messages.AnyCommand)
            return json_response(await execute(controller, command))
        except ChatError as refusal:
            return error_response(refusal)
        except (*Undecodable, ChildFailed) as error:
            return error_response(BadRequest(f"control: {error}"))

    async def counters(request: Request) -> Response:
        """Stream snapshots of the counters for as long as the window is open."""
        window = request.query_params.get("window", "")
        return EventSourceResponse(events(controller.snapshots(window)), ping=20, sep="\n")

    app = Starlette(
        routes=[
            Route("/", index),
            Route("/index.html", RedirectResponse("/")),
            Route("/control", control, methods=["POST"]),
            Route("/counters", counters),
            Mount("/", Pages(web, HEADERS)),
        ],
        middleware=[Middleware(OriginMiddleware, settings=settings)],
        lifespan=lambda _: controller.running(),
    )
    app.state.wire = WireBytes()
    return app


async def execute(controller: DemoController, command: messages.AnyCommand) -> messages.AnyResponse:
    """Carry out a command, and return its response. Raises ChatError, ChildFailed."""
    match command:
        case messages.OpenWindow(window):
            return await controller.open_window(window)
        case messages.ConnectLane(window, lane):
            return await controller.connect_lane(window, lane)
        case messages.SetNetwork(window, delay_ms, is_cut):
            controller.set_network(window, delay_ms, is_cut)
        case messages.Restart(lane):
            await controller.restart(lane)
        case messages.SetCrowd(people):
            await controller.set_crowd(people)
        case messages.EnableLane(lane, on):
            await controller.enable_lane(lane, on)
        case messages.SetHost(profile):
            await controller.set_host(profile)
        case messages.ResetCounts(window):
            await controller.reset_counts(window)
    return messages.Done()


def require_own_page(request: Request, secret: str) -> None:
    """Raise Forbidden unless the request comes from our own page: by its exact origin, in JSON, with the secret."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin", "")
    if origin != f"http://{host}":
        raise Forbidden(f"Origin: expected http://{host}, got {origin[:80]!r}")
    if request.headers.get("content-type") != "application/json":
        raise Forbidden("Content-Type: expected application/json")
    if not secrets.compare_digest(request.headers.get("x-secret", "").encode(), secret.encode()):
        raise Forbidden("X-Secret: expected the one of the page; load it again")


async def events(snapshots: AsyncIterator[messages.Snapshot]) -> AsyncIterator[ServerSentEvent]:
    """Yield each snapshot as an event; an event `gone` says that the window has been closed."""
    try:
        async for snapshot in snapshots:
            yield ServerSentEvent(encode(snapshot).decode(), sep="\n")
    except ChatError as refusal:
        yield ServerSentEvent(refusal.detail, event="gone", sep="\n")
