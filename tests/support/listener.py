"""A listener in the test's own process, with the protocols and limits of our servers, and connections byte by byte."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from uvicorn.server import ServerState

from servers.connection_limits import DescriptorLimit
from servers.serving import HttpSettings, configuration

DEADLINE_S = 15.0
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
    config, state = configuration(app, app.state.wire, "127.0.0.1", 0, http, DescriptorLimit()), ServerState()
    config.load()
    make: Callable[..., asyncio.Protocol] = config.http_protocol_class
    server = await asyncio.get_running_loop().create_server(
        lambda: make(config=config, server_state=state, app_state={}), "127.0.0.1", 0, ssl=config.ssl
    )
    server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # lest the kernel take what nobody reads
    listener = Listener(server.sockets[0].getsockname()[1], state)
    try:
        yield listener
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks)
