"""A function that shows what a host does to it: `python -m tests.support.functions`, until standard input closes."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from servers.serving import HttpSettings, run, serve
from servers.standard_streams import print_ready
from servers.wire_bytes import WireBytes

TICK_S = 0.01


async def about(request: Request) -> Response:
    """Respond with the process id, the ticks of the background task so far, and the application's age in seconds."""
    state = request.app.state
    return JSONResponse({"pid": os.getpid(), "ticks": state.ticks, "lived_s": monotonic() - state.born_s})


async def wait(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params["s"]))
    return JSONResponse({"pid": os.getpid()})


async def swallow(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


async def die(request: Request) -> Response:
    os._exit(1)


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


@asynccontextmanager
async def ticking(app: Starlette) -> AsyncIterator[None]:
    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            app.state.ticks += 1

    task = asyncio.create_task(tick())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def create_app() -> Starlette:
    routes = [Route(f"/{each.__name__}", each, methods=["GET", "POST"]) for each in (about, wait, swallow, die)]
    app = Starlette(routes=[*routes, WebSocketRoute("/echo", echo)], lifespan=ticking)
    app.state.wire = WireBytes()
    app.state.ticks = 0
    app.state.born_s = monotonic()
    return app


if __name__ == "__main__":
    serving = partial(serve, create_app(), host="127.0.0.1", port=0, http=HttpSettings(), attached=True)
    run(serving(on_ready=lambda address: print_ready(address, {})))
