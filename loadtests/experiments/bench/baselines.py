"""What our servers are measured against: the least that could do the same job, without a log, a login or a lease.

    python -m loadtests.experiments.bench.baselines bare_websockets

Teaches what the chat itself costs: the difference to these. The socket settings are our servers' own (httptools,
uvloop, no compression, pings every 20 s, long-lived objects out of the garbage collector's rounds).
"""

import asyncio
import gc
import json
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from loadtests.experiments.bench.calls import example_page
from servers.core.wire import Ack, Page, encode

HOST = "127.0.0.1"
STDIN = 0
HOLD_S = 25.0
PING_S = 20.0
KEEP_ALIVE_S = 75
EVENTS, SEND = "/rooms/room/events", "/rooms/room/send"  # as on ours, so that clients ask both the same
PAGE = example_page(1000)
EMPTY_PAGE = encode(Page("0123abcd", 1000, 1000, ()))
ACK = encode(Ack(seq=1000, at_ms=1_700_000_000_000))


async def bare_websockets(stopping: asyncio.Event) -> None:
    """Broadcast every frame to everyone, its sender included."""
    connections: set[ServerConnection] = set()

    async def converse(connection: ServerConnection) -> None:
        connections.add(connection)
        with suppress(ConnectionClosed):
            async for message in connection:
                broadcast(connections, message)
        connections.discard(connection)

    async with serve(
        converse, HOST, 0, compression=None, ping_interval=PING_S, ping_timeout=PING_S, close_timeout=0.1
    ) as server:
        ready(server.sockets[0].getsockname()[1])
        await stopping.wait()


def parked_event() -> Starlette:
    """A poll waits for the next send, and both answer what never changes; /stats counts the polls, as ours does."""
    news = asyncio.Event()
    polls = 0

    async def receive(_: Request) -> Response:
        nonlocal polls
        polls += 1
        await asyncio.wait_for(news.wait(), HOLD_S)
        return answer(PAGE)

    async def send(request: Request) -> Response:
        nonlocal news
        await request.body()
        news.set()
        news = asyncio.Event()
        return answer(ACK)

    async def stats(_: Request) -> Response:
        return answer(b'{"requests":{"receive":%d}}' % polls)

    return Starlette(routes=[Route(EVENTS, receive), Route(SEND, send, methods=["POST"]), Route("/stats", stats)])


def constant() -> Starlette:
    """A poll is answered with an empty page, a send is read and acknowledged."""

    async def receive(_: Request) -> Response:
        return answer(EMPTY_PAGE)

    async def send(request: Request) -> Response:
        await request.body()
        return answer(ACK)

    return Starlette(routes=[Route(EVENTS, receive), Route(SEND, send, methods=["POST"])])


def answer(body: bytes) -> Response:
    return Response(body, media_type="application/json")


class _Server(uvicorn.Server):
    """A uvicorn server that says when it is ready."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        ready(self.servers[0].sockets[0].getsockname()[1])


def over_http(create_app: Callable[[], Starlette]) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return what serves that app until it is told to stop."""

    async def run(stopping: asyncio.Event) -> None:
        config = uvicorn.Config(
            create_app(),
            host=HOST,
            port=0,
            http="httptools",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
            access_log=False,
            log_level="error",
            server_header=False,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        await stopping.wait()
        server.should_exit = True
        await serving

    return run


def ready(port: int) -> None:
    """Freeze what has been made so far, and say where the server is and which process it is."""
    gc.collect()
    gc.freeze()
    print(json.dumps({"address": f"http://{HOST}:{port}", "pids": {"api": os.getpid()}}), flush=True)  # noqa: T201


BASELINES = {
    "bare_websockets": bare_websockets,
    "parked_event": over_http(parked_event),
    "constant": over_http(constant),
}


async def main(name: str) -> None:
    """Serve one baseline until standard input closes."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def await_end_of_input() -> None:
        while os.read(STDIN, 4096):
            pass
        loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=await_end_of_input, daemon=True).start()
    await BASELINES[name](stopping)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
