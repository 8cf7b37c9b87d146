"""The baselines of our servers: the smallest servers that do the same job, without a log, a log-in or a lease.

    python -m loadtests.harness.baselines bare_websockets

Teaches what the chat itself costs: the difference from these. The socket settings are our servers' own (httptools,
uvloop, no compression, pings every 20 s, long-lived objects kept out of garbage collection).
"""

import asyncio
import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from servers.core.wire import Account, Ack, Event, Kind, Page, encode

HOST = "127.0.0.1"
STDIN = 0
HOLD_S = 25.0
PING_S = 20.0
KEEP_ALIVE_S = 75
"""The defaults of our servers, so that a waiting connection costs a baseline as much."""

TEXT = "m" * 120
ANY_ACCOUNT = Account("0123456789abcdef", "user-0", "t" * 96, 0)
"""An account for clients of a baseline, which accepts any token. It is as long as a real one."""
EVENTS, SEND = "/rooms/room/events", "/rooms/room/send"  # as on our servers, so that both get the same requests


def example_page(seq: int) -> bytes:
    """Return a page with one message, as our servers would send it."""
    event = Event("room", seq, Kind.MESSAGE, ANY_ACCOUNT.user, "user-0", TEXT, 1_700_000_000_000, f"id-{seq}")
    return encode(Page("0123abcd", seq - 1, seq, (event,)))


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
        print_ready_line(server.sockets[0].getsockname()[1])
        await stopping.wait()


def parked_event() -> list[Route]:
    """A poll waits for the next send, and both get a fixed response; /stats counts the polls, as ours does."""
    sent = asyncio.Event()
    polls = 0

    async def read(_: Request) -> Response:
        nonlocal polls
        polls += 1
        await asyncio.wait_for(sent.wait(), HOLD_S)
        return respond(PAGE)

    async def send(request: Request) -> Response:
        nonlocal sent
        await request.body()
        sent.set()
        sent = asyncio.Event()
        return respond(ACK)

    async def stats(_: Request) -> Response:
        return respond(b'{"requests":{"receive":%d}}' % polls)

    return [Route(EVENTS, read), Route(SEND, send, methods=["POST"]), Route("/stats", stats)]


def constant() -> list[Route]:
    """A poll gets an empty page, a send is read and acknowledged."""

    async def read(_: Request) -> Response:
        return respond(EMPTY_PAGE)

    async def send(request: Request) -> Response:
        await request.body()
        return respond(ACK)

    return [Route(EVENTS, read), Route(SEND, send, methods=["POST"])]


def respond(body: bytes) -> Response:
    return Response(body, media_type="application/json")


class _Server(uvicorn.Server):
    """A uvicorn server that prints the ready line when it listens."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        print_ready_line(self.servers[0].sockets[0].getsockname()[1])


async def serve_http(routes: list[Route], stopping: asyncio.Event) -> None:
    """Serve these routes until `stopping` is set."""
    config = uvicorn.Config(
        Starlette(routes=routes),
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


def print_ready_line(port: int) -> None:
    """Exempt everything made so far from garbage collection, and print the server's address and process id."""
    gc.collect()
    gc.freeze()
    print(json.dumps({"address": f"http://{HOST}:{port}", "pids": {"api": os.getpid()}}), flush=True)  # noqa: T201


async def main(name: str) -> None:
    """Serve one baseline until standard input closes."""
    baselines: dict[str, Callable[[asyncio.Event], Awaitable[None]]] = {
        "bare_websockets": bare_websockets,
        "parked_event": partial(serve_http, parked_event()),
        "constant": partial(serve_http, constant()),
    }
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_reader(STDIN, stopping.set)
    await baselines[name](stopping)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
