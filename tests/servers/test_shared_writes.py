"""Frames that many sockets share, and whole responses, written by uvicorn's protocols to clients that read or do not.

If a new version of uvicorn breaks them, the first test says what has changed.
"""

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import ClientConnection, connect

from servers.asgi_extensions import SocketClosed, SocketWriter, TextFrame, writer_of
from servers.core.room_feed import encode_page
from servers.core.wire import Page
from servers.http_endpoint import PageResponse
from servers.serving import HttpSettings
from servers.shared_writes import SharedFrameSocket
from servers.wire_bytes import WireBytes
from tests.support.deadline import DEADLINE_S
from tests.support.guest import narrow_socket
from tests.support.listener import serving_in_process

LONG = "x" * 10_000


class Sockets:
    """A listener whose accepted sockets are written to by the test. wire: what has been written."""

    def __init__(self, port: int, wire: WireBytes, accepted: "asyncio.Queue[SocketWriter]") -> None:
        self.port, self.wire, self._accepted = port, wire, accepted

    async def open(self, **options: Any) -> tuple[ClientConnection, SocketWriter]:
        """Return both ends of a new connection."""
        given = {"proxy": None, "ping_interval": None, "close_timeout": 1, **options}
        return await connect(f"ws://127.0.0.1:{self.port}", **given), await self._accepted.get()


@pytest.fixture
async def sockets() -> AsyncIterator[Sockets]:
    accepted = asyncio.Queue[SocketWriter]()

    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        accepted.put_nowait(writer_of(socket.scope))
        await asyncio.wait_for(anext(socket.iter_text(), None), DEADLINE_S)

    app = Starlette(routes=[WebSocketRoute("/", endpoint)])
    app.state.wire = WireBytes()
    async with serving_in_process(app, HttpSettings(deflate=True)) as listener:
        yield Sockets(listener.port, app.state.wire, accepted)


async def received(client: ClientConnection) -> str | bytes:
    return await asyncio.wait_for(client.recv(), DEADLINE_S)


async def fill(writer: SocketWriter) -> int:
    """Push until the transport takes no more; return how many frames it has taken."""
    pushed = 0
    while writer.push(TextFrame(f"{pushed} {LONG}".encode())):
        pushed += 1
        await asyncio.sleep(0)
    return pushed


async def test_uvicorn_still_has_what_shared_writes_take_from_it(sockets: Sockets) -> None:
    client, writer = await sockets.open()
    assert isinstance(writer, SharedFrameSocket)
    changed = (
        f"uvicorn {version('uvicorn')} has changed: compare servers/shared_writes.py with "
        f"{WebSocketsSansIOProtocol.__module__}, or go back to the version in constraints.txt. Expected"
    )
    own = {name for name in vars(SocketWriter) if not name.startswith("_")}
    assert not own & set(dir(WebSocketsSansIOProtocol)), f"{changed} no method of its own that is named as ours"
    assert writer.scope["type"] == "websocket", f"{changed} `scope`, given to the application, to exist already"
    handshake = writer.request.headers, writer.response.headers, writer.scope["headers"]
    assert not any(handshake), f"{changed} `start_keepalive`, called once accepted, when headers are not read any more"
    assert writer.conn.state.name == "OPEN", f"{changed} `conn`, the protocol of `websockets`"
    writer.pause_writing()
    assert not writer.writable.is_set(), f"{changed} `writable` to be cleared while the transport is full"
    writer.resume_writing()
    assert writer.writable.is_set(), f"{changed} `writable` to be set while the transport takes bytes"
    assert hasattr(HttpToolsProtocol, "_start_asgi_task"), f"{changed} `_start_asgi_task`, called once for each request"
    await client.close()


@pytest.mark.parametrize("fields", [b"", b"Connection: close\r\n"])
async def test_a_whole_response_is_what_uvicorn_would_write_in_parts(fields: bytes) -> None:
    page = encode_page(Page("e", 1, 1, ()), 1000)

    async def respond_whole(request: Request) -> Response:
        return PageResponse(page)

    async def respond_in_parts(request: Request) -> Response:
        return StreamingResponse(iter([page.body]), headers=dict(PageResponse(page).headers))

    app = Starlette(routes=[Route("/whole", respond_whole), Route("/parts", respond_in_parts)])
    app.state.wire = WireBytes()
    last = b"GET /none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    head = b"%b /%b HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\n"
    async with serving_in_process(app, HttpSettings()) as listener:
        for method in (b"GET", b"HEAD"):
            requests = [head % (method, path, fields) for path in (b"whole", b"parts")]
            got = [await listener.response_to(request, last) for request in requests]
            whole_lines, part_lines = ([line for line in each.split(b"\r\n") if b"date:" not in line] for each in got)
            assert whole_lines == part_lines
            assert whole_lines[0] == b"HTTP/1.1 200 OK"


async def test_a_frame_is_compressed_only_for_a_client_that_asked_for_it(sockets: Sockets) -> None:
    frame = TextFrame(LONG.encode())
    written: list[int] = []
    for compression in (None, "deflate"):
        client, writer = await sockets.open(compression=compression)
        before = sockets.wire.websocket.sent
        assert writer.push(frame)
        written.append(sockets.wire.websocket.sent - before)
        assert await received(client) == LONG
        await client.close()
    plain_bytes, compressed_bytes = written
    assert plain_bytes == len(frame.encoded)
    assert compressed_bytes < plain_bytes / 10


async def test_a_client_that_does_not_read_delays_no_other_and_gets_the_rest_in_order(sockets: Sockets) -> None:
    narrow = narrow_socket(f"http://127.0.0.1:{sockets.port}")
    slow, writer = await sockets.open(sock=narrow, compression=None, max_queue=1)
    quick, other = await sockets.open()
    pushed = await fill(writer)
    assert not writer.push(TextFrame(b"too much"))
    assert other.push(TextFrame(b"at once"))
    assert await received(quick) == "at once"
    cancelled, last = (asyncio.create_task(writer.write(TextFrame(text))) for text in (b"cancelled", b"last"))
    await asyncio.sleep(0)
    cancelled.cancel()
    texts = [str(await received(slow)).partition(" ")[0] for _ in range(pushed + 1)]
    assert texts == [*map(str, range(pushed)), "last"]
    await last
    await writer.close(4000, "over")
    for client in (slow, quick):
        await client.close()
    assert (slow.close_code, slow.close_reason) == (4000, "over")


async def test_every_write_to_a_lost_connection_raises_connection_lost(sockets: Sockets) -> None:
    narrow = narrow_socket(f"http://127.0.0.1:{sockets.port}")
    client, writer = await sockets.open(sock=narrow, compression=None, max_queue=1)
    await fill(writer)
    waiting = asyncio.create_task(writer.drain())
    await asyncio.sleep(0)
    client.transport.abort()
    for wait in (waiting, writer.drain(), writer.write(TextFrame(b"late")), writer.close()):
        with pytest.raises(SocketClosed):
            await asyncio.wait_for(wait, DEADLINE_S)
    assert not writer.push(TextFrame(b"late"))
