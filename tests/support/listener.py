"""A listener in the test's own process, with the protocols and limits of our servers, and connections byte by byte."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from uvicorn.server import ServerState

from servers.connection_limits import DescriptorLimit
from servers.serving import HttpSettings, configuration, listening
from tests.support.deadline import DEADLINE_S

UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
"""The start of a WebSocket's handshake; an empty line ends it."""


@dataclass
class Listener:
    """A listener in this process. release: ends held requests. left: set when a client has left during its request."""

    port: int
    state: ServerState
    release: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def response_to(self, *parts: bytes) -> bytes:
        """Send the parts, and return all that comes until the server closes."""
        reader, writer = await self.connect()
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE_S):
            response = await reader.read()
        writer.close()
        return response

    def unsent_bytes(self) -> int:
        connections: set[Any] = self.state.connections
        return max((connection.transport.get_write_buffer_size() for connection in connections), default=0)


@asynccontextmanager
async def serving_in_process(app: Starlette, http: HttpSettings) -> AsyncIterator[Listener]:
    """Serve an application until the block ends; then every connection is dropped."""
    config = configuration(app, app.state.wire, "127.0.0.1", 0, http, DescriptorLimit())
    state = ServerState()
    async with listening(config, state) as server:
        listener = server.sockets[0]
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # so the kernel buffers little that is unread
        yield Listener(listener.getsockname()[1], state)
