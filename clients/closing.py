"""Close a WebSocket at once, whatever has arrived on it and was not read."""

import asyncio
from contextlib import suppress

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConcurrencyError, ConnectionClosed

CLOSE_S = 1.0
"""How long the closing handshake may take; after that the connection is cut."""


async def close_websocket(socket: ClientConnection) -> None:
    """Close, and discard unread frames: they would keep websockets from reading the server's close frame.

    Waits, at most CLOSE_S.
    """
    closing = asyncio.create_task(socket.close())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                with suppress(ConnectionClosed, ConcurrencyError):  # if another task reads, nothing stays unread
                    while True:
                        await socket.recv(decode=False)
                await closing
    finally:
        socket.transport.abort()
        await asyncio.gather(closing, return_exceptions=True)
