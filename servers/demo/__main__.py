"""Run the demo: `python -m servers.demo`, then open the address that it prints.

One message, four lanes: a page that sends each message to every server at the same moment, and shows when it arrives.
Its own server serves the page, its controls, and a stream of counters. Teaches how a server on loopback that can start
processes is protected from other pages: controls are JSON only, must come from this page's exact Host and Origin, and
carry a secret that only this page has received.
"""

import os
import secrets
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from servers.core.errors import BadRequest, ChatError, Forbidden
from servers.core.settings import Settings
from servers.core.wire import Undecodable, encode
from servers.demo.commands import execute
from servers.demo.controller import DemoController
from servers.demo.messages import AbsentLane, Snapshot
from servers.deploy.child_process import LOOPBACK, ChildFailed
from servers.http_endpoint import error_response, json_response, read_body
from servers.listening_sockets import require_free
from servers.origin_middleware import OriginMiddleware
from servers.pages import LOOPBACK_ANY_PORT, Pages, page_headers
from servers.serving import HttpSettings, run, serve
from servers.standard_streams import print_ready, replace_unencodable
from servers.wire_bytes import WireBytes

SECRET_MARK, CONSTANTS_MARK = "{{ secret }}", "{{ constants }}"
WEB = Path(__file__).parents[2] / "clients" / "web"
PUSHER_JS = Path("node_modules") / "pusher-js"
NO_PUSHER_JS = 'Its client, pusher-js, is not installed. Install Node.js with npm, then run "make demo" again.'
EXPLORER = Path(__file__).parents[2] / "results" / "reference" / "explorer.json"
HEADERS = page_headers(frames=LOOPBACK_ANY_PORT)


def create_app(controller: DemoController, web: Path, settings: Settings) -> Starlette:
    """Return the demo's application. web: the folder of the browser's client. Raises OSError if it is not there."""
    page = (web / "index.html").read_text(encoding="utf-8")
    secret = secrets.token_urlsafe(24)

    async def index(request: Request) -> Response:
        """Respond with the page and the secret of its controls; only at its IP address, the origin that lanes allow."""
        if request.url.hostname != LOOPBACK:
            return RedirectResponse(request.url.replace(hostname=LOOPBACK))
        return Response(page.replace(SECRET_MARK, secret), media_type="text/html", headers=HEADERS)

    async def explorer(request: Request) -> Response:
        """Respond with the explorer, with the unit costs of the committed run."""
        constants = EXPLORER.read_text(encoding="utf-8")
        text = (web / "explore.html").read_text(encoding="utf-8").replace(CONSTANTS_MARK, constants)
        return Response(text, media_type="text/html", headers=HEADERS)

    async def control(request: Request) -> Response:
        """Carry out one command; waits until it is done."""
        try:
            require_own_page(request, secret)
            return json_response(await execute(controller, await read_body(request, settings)))
        except ChatError as refusal:
            return error_response(refusal)
        except (*Undecodable, ChildFailed, OSError) as error:
            return error_response(BadRequest(f"control: {error}"))

    async def counters(request: Request) -> Response:
        """Stream snapshots of the counters for as long as the window is open."""
        window = request.query_params.get("window", "")
        return EventSourceResponse(events(controller.snapshots(window)), ping=20, sep="\n")

    app = Starlette(
        routes=[
            Route("/", index),
            Route("/index.html", RedirectResponse("/")),
            Route("/explore.html", explorer),
            Route("/control", control, methods=["POST"]),
            Route("/counters", counters),
            Mount("/", Pages(web, HEADERS)),
        ],
        middleware=[Middleware(OriginMiddleware, settings=settings)],
        lifespan=lambda _: controller.running(),
    )
    app.state.wire = WireBytes()
    return app


def require_own_page(request: Request, secret: str) -> None:
    """Raise Forbidden unless the request comes from our own page: by its exact origin, in JSON, with the secret."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin", "")
    if origin != f"http://{host}":
        raise Forbidden(f"Origin: expected http://{host}, got {origin[:80]!r}")
    if request.headers.get("content-type") != "application/json":
        raise Forbidden("Content-Type: expected application/json")
    if not secrets.compare_digest(request.headers.get("x-secret", "").encode(), secret.encode()):
        raise Forbidden("X-Secret: expected the one of the page; load it again")


async def events(snapshots: AsyncIterator[Snapshot]) -> AsyncIterator[ServerSentEvent]:
    """Yield each snapshot as an event; an event `gone` says that the window has been closed."""
    try:
        async for snapshot in snapshots:
            yield ServerSentEvent(encode(snapshot).decode(), sep="\n")
    except ChatError as refusal:
        yield ServerSentEvent(refusal.detail, event="gone", sep="\n")


def main(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 8765,
    tour: Annotated[bool, typer.Option(help="Begin with the guided tour.")] = False,
    web: Annotated[Path, typer.Option(help="Folder of the browser's client.", exists=True, file_okay=False)] = WEB,
    attached: Annotated[bool, typer.Option(help="Stop when standard input closes, and open no browser.")] = False,
) -> None:
    """Start every lane's server, and a page that shows them side by side."""
    try:
        require_free(LOOPBACK, port)
    except OSError as error:
        raise typer.BadParameter(str(error)) from None
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        run(present(Path(folder), web, port, "?tour" if tour else "", attached))


async def present(folder: Path, web: Path, port: int, query: str, attached: bool) -> None:
    """Serve the page until a signal arrives; the lanes' servers start as soon as its address is known."""
    controller = DemoController(folder, web, remedy="" if (web / PUSHER_JS).is_dir() else NO_PUSHER_JS)

    def ready(address: str) -> None:
        controller.start(address)
        if attached:
            print_ready(address, {"pids": {"demo": os.getpid()}})
        else:
            show(f"{address}/{query}", controller.absent)

    app = create_app(controller, web, Settings())
    http = HttpSettings()
    await serve(app, host=LOOPBACK, port=port, http=http, on_ready=ready, on_stop=controller.stop, attached=attached)


def show(address: str, absent: Sequence[AbsentLane]) -> None:
    """Open the page in a browser where there is a screen; print its address anyway, and which lanes are absent."""
    print(f"The demo: {address}   (Ctrl-C ends it)", flush=True)
    for lane in absent:
        print(f"{lane.label} is absent. {lane.remedy}", flush=True)
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


if __name__ == "__main__":
    replace_unencodable()
    typer.run(main)
