"""Closing a WebSocket: at once, whatever has arrived and was not read, and whether or not the server answers."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve

from clients.chat_socket import ChatSocket, close_websocket

FRAMES = 200  # websockets stops reading when 16 wait unread
DEADLINE_S = 5.0  # its own closing handshake gives up after 10


def address_of(server: Server) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_unread_frames_do_not_delay_closing() -> None:
    all_sent = asyncio.Event()
    closed = asyncio.Event()

    async def send_all(socket: ServerConnection) -> None:
        for _ in range(FRAMES):
            await socket.send("{}")
        all_sent.set()
        await socket.wait_closed()
        closed.set()

    async with serve(send_all, "127.0.0.1", 0) as server:
        socket = await ChatSocket.connect(address_of(server), DEADLINE_S)
        async with asyncio.timeout(DEADLINE_S):
            await all_sent.wait()
            await socket.close()
            await closed.wait()


async def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.chat_socket.CLOSE_S", 0.01)
    released = asyncio.Event()

    async def read_nothing(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await socket.send("{}")
        await released.wait()
        socket.transport.abort()

    async with serve(read_nothing, "127.0.0.1", 0) as server:
        socket = await connect(address_of(server), proxy=None)
        await socket.recv()
        async with asyncio.timeout(DEADLINE_S):
            await close_websocket(socket)
        released.set()
