"""What connections may cost a listener: their heads, their silence, what they do not read, and descriptors."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from servers.connection_limits import ConnectionLimits
from servers.deploy.child_process import ChildProcess
from servers.http_endpoint import QUERY_BYTES_MAX, parse_query
from servers.serving import HttpSettings
from servers.wire_bytes import WireBytes
from tests.support.bad_heads import CLOSE, HEAD_MAX, POST, START, TOO_LONG
from tests.support.deadline import DEADLINE_S
from tests.support.guest import stats, until
from tests.support.listener import UPGRADE, Listener, serving_in_process

SHORT_S = 0.05
HANDSHAKE = UPGRADE.format("/socket").encode()
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"1\r\nx\r\n0\r\n"


@asynccontextmanager
async def listening(keep_alive_s: float = 75, **limits: Any) -> AsyncIterator[Listener]:
    """Serve requests that are held until released, streams without an end, and sockets that read nothing."""

    async def held(request: Request) -> Response:
        try:
            await request.body()
        except ClientDisconnect:
            listener.left.set()
        await listener.release.wait()
        return PlainTextResponse("released")

    async def stream(_: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            try:
                while True:
                    await asyncio.sleep(0)
                    yield bytes(1 << 16)
            finally:
                listener.left.set()

        return StreamingResponse(parts())

    async def unread(websocket: WebSocket) -> None:
        await websocket.accept()
        await listener.release.wait()

    routes = [Route("/held", held, methods=["GET", "POST"]), Route("/stream", stream)]
    app = Starlette(routes=[*routes, WebSocketRoute("/socket", unread)])
    app.state.wire = WireBytes()
    http = HttpSettings(keep_alive_s=keep_alive_s, limits=ConnectionLimits(**limits))
    async with serving_in_process(app, http) as listener:
        try:
            yield listener
        finally:
            listener.release.set()


@pytest.mark.parametrize("head", TOO_LONG.values(), ids=TOO_LONG)
async def test_a_head_over_the_limit_is_answered_431_though_it_comes_in_parts(head: bytes) -> None:
    async with listening() as listener:
        parts = [head[at : at + 1000] for at in range(0, len(head), 1000)]  # test_hostile_bytes sends it at once
        assert (await listener.response_to(*parts)).startswith(b"HTTP/1.1 431 ")


async def test_a_head_of_just_the_limit_is_accepted_and_one_byte_more_is_not() -> None:
    async with listening() as listener:
        listener.release.set()
        for length, status in ((HEAD_MAX, b"200"), (HEAD_MAX + 1, b"431")):
            start = START + b"a: "
            head = start + b"b" * (length - len(start) - len(CLOSE) - 2) + b"\r\n" + CLOSE
            response = await listener.response_to(head[:9000], head[9000:])
            assert response.split()[1] == status


async def test_an_upgrade_whose_head_the_socket_cannot_parse_is_answered_400() -> None:
    async with listening() as listener:
        assert (await listener.response_to(HANDSHAKE + b"a: b\r\n" * 200 + b"\r\n")).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "body",
    [LAST_CHUNK + b"t: " + b"u" * 3 * HEAD_MAX, LAST_CHUNK + b"t: u\r\n" * HEAD_MAX, b"1;" + b"x" * 3 * HEAD_MAX],
    ids=["one trailer", "many trailers", "a chunk extension"],
)
async def test_trailers_and_chunk_extensions_have_the_same_limit_as_a_head(body: bytes) -> None:
    async with listening() as listener:
        assert (await listener.response_to(CHUNKED + body)).startswith(b"HTTP/1.1 431 ")


async def test_an_unfinished_head_or_body_ends_with_408_and_its_request_is_over() -> None:
    async with listening(head_s=SHORT_S, body_s=SHORT_S) as listener:
        for start in (b"GET", START, b"\r\n", POST + b"Content-Length: 10\r\n\r\nhalf"):
            assert (await listener.response_to(start)).startswith(b"HTTP/1.1 408 ")
        await asyncio.wait_for(listener.left.wait(), DEADLINE_S)


async def test_a_connection_without_a_request_ends_after_the_keep_alive_time() -> None:
    async with listening(keep_alive_s=SHORT_S) as listener:
        assert await listener.response_to() == b""


async def test_a_request_in_progress_outlasts_every_limit() -> None:
    async with listening(keep_alive_s=1.0, head_s=SHORT_S, body_s=SHORT_S, stall_s=SHORT_S) as listener:
        asyncio.get_running_loop().call_later(1.5, listener.release.set)
        response = await listener.response_to(POST + b"Content-Length: 4\r\n\r\nbody")  # until it is idle for too long
        assert response.startswith(b"HTTP/1.1 200 ") and response.endswith(b"released")


async def test_a_connection_is_kept_alive_for_further_requests() -> None:
    async with listening(head_s=SHORT_S) as listener:
        listener.release.set()
        reader, writer = await listener.connect()
        for _ in range(3):
            writer.write(START + b"\r\n")
            await reader.readuntil(b"released")
            await asyncio.sleep(2 * SHORT_S)
        writer.close()


async def test_a_client_that_vanishes_is_given_up_after_the_time_of_one_that_reads_nothing() -> None:
    async with listening(stall_s=7.5) as listener:
        listener.release.set()
        reader, writer = await listener.connect()
        writer.write(START + b"\r\n")
        await asyncio.wait_for(reader.readuntil(b"released"), DEADLINE_S)
        connections: set[Any] = listener.state.connections
        (accepted,) = (connection.transport.get_extra_info("socket") for connection in connections)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7500
        writer.close()


async def test_a_client_that_reads_nothing_of_a_response_is_dropped() -> None:
    async with listening(stall_s=SHORT_S) as listener:
        _, writer = await listener.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(START.replace(b"held", b"stream") + b"\r\n")
        await asyncio.wait_for(listener.left.wait(), DEADLINE_S)
        writer.close()


async def test_pipelined_requests_beyond_the_limit_end_the_connection() -> None:
    async with listening(pipelined_max=4) as listener:
        assert await listener.response_to((START + b"\r\n") * 50) == b""


def test_query_strings_are_cached_within_a_bound() -> None:
    for number in range(5000):
        parse_query(f"after=e.1&connection={number:0>1000}".encode()[:QUERY_BYTES_MAX])
    cached = parse_query.cache_info()
    assert cached.currsize == cached.maxsize
    assert cached.currsize * 2 * QUERY_BYTES_MAX <= 8 * 1024 * 1024
    parse_query.cache_clear()


@asynccontextmanager
async def upgraded() -> AsyncIterator[tuple[Listener, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a WebSocket to a listener."""
    async with listening() as listener:
        reader, writer = await listener.connect()
        writer.write(HANDSHAKE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        yield listener, reader, writer
        writer.transport.abort()


async def test_pongs_that_nobody_reads_do_not_pile_up() -> None:
    async with upgraded() as (listener, _, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(500):
            writer.write((b"\x89\xfd\0\0\0\0" + bytes(125)) * 200)
            await writer.drain()
        assert 0 < listener.unsent_bytes() < 1 << 20


@pytest.mark.parametrize(
    ("frames", "code"),
    [(b"\x01\x80\0\0\0\0" + b"\0\x80\0\0\0\0" * 2000, 1009), (b"\x81\x80\0\0\0\0" * 2000, 1008)],
    ids=["fragments", "messages"],
)
async def test_frames_and_fragments_beyond_the_limit_close_the_socket(frames: bytes, code: int) -> None:
    async with upgraded() as (_, reader, writer):
        writer.write(frames)
        closing = await asyncio.wait_for(reader.readexactly(4), DEADLINE_S)
        assert (closing[0], int.from_bytes(closing[2:4])) == (0x88, code)


def is_served(address: str) -> bool:
    with suppress(httpx.HTTPError):
        return bool(stats(address))
    return False


@pytest.mark.process
@pytest.mark.parametrize("module", ["servers short_polling", "servers.deploy.serverless short_polling --instances 1"])
def test_reaching_the_limit_of_file_descriptors_is_logged_once(module: str, tmp_path: Path) -> None:
    command = f"ulimit -n 40; exec '{sys.executable}' -m {module} --port 0 --attached"
    log = tmp_path / "log"
    with ChildProcess(["sh", "-c", command], log=log) as running:
        address = running.await_ready().address
        port = int(address.rpartition(":")[2])
        for _ in range(2):
            with ExitStack() as stack:
                for _ in range(100):
                    stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                until(lambda: log.read_text(encoding="utf-8"))
            until(lambda: is_served(address))  # once the server has closed what was open
    assert log.read_text(encoding="utf-8").count("\n") == 1
