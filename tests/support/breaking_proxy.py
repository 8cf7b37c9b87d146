"""A proxy that speaks HTTP/2 to clients and HTTP/1.1 to a server, and breaks streams or connections in a response."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

import httpx
from anyio.from_thread import start_blocking_portal
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hyperframe.frame import SettingsFrame

from servers.deploy.child_process import LOOPBACK
from servers.links import certificate_file

NUMBER = "X-Connection"
"""The header field in which the server gets the number of the client's connection."""

FLOOD = SettingsFrame().serialize() * 1_000

Act = Literal["reset", "goaway", "flood"]  # RST_STREAM ends a stream, GOAWAY a connection; or SETTINGS without end
Request = tuple[dict[str, str], bytearray]  # header fields and body


@dataclass
class BreakingProxy:
    """Passes requests on, with the number of their connection; act_of: by path, what to do to a part of a response."""

    server: str
    act_of: Callable[[str], Act | None]
    alpn: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve until the block ends; yields the address."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate_file())
        context.set_alpn_protocols([self.alpn])
        server = await asyncio.start_server(self._connected, LOOPBACK, 0, ssl=context)
        try:
            yield f"https://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = H2Connection(H2Configuration(client_side=False, header_encoding="ascii"))
        peer.initiate_connection()
        requests: dict[int, Request] = {}
        passing: dict[int, asyncio.Task[None]] = {}
        numbered = {NUMBER: str(next(self.numbers))}
        async with httpx.AsyncClient(base_url=self.server, headers=numbered, trust_env=False, timeout=None) as client:
            with suppress(OSError, ProtocolError):
                writer.write(peer.data_to_send())
                while data := await reader.read(65_536):
                    for event in peer.receive_data(data):
                        number = getattr(event, "stream_id", None) or 0
                        match event:
                            case events.RequestReceived(headers=headers):
                                requests[number] = {str(name): str(value) for name, value in headers or ()}, bytearray()
                            case events.DataReceived(data=body, flow_controlled_length=length):
                                peer.acknowledge_received_data(length or 0, number)
                                requests[number][1].extend(body or b"")
                            case events.StreamEnded():
                                responding = self._pass_on(client, peer, writer, number, requests.pop(number))
                                passing[number] = asyncio.create_task(responding)
                            case events.StreamReset() if number in passing:
                                passing[number].cancel()
                    writer.write(peer.data_to_send())
            for task in passing.values():
                task.cancel()
            await asyncio.gather(*passing.values(), return_exceptions=True)
        writer.close()

    async def _pass_on(
        self, client: httpx.AsyncClient, peer: H2Connection, writer: asyncio.StreamWriter, number: int, request: Request
    ) -> None:
        headers, body = request
        path = headers[":path"]
        named = {name: value for name, value in headers.items() if not name.startswith(":")}
        async with client.stream(headers[":method"], path, headers=named, content=bytes(body)) as response:
            fields = [(":status", str(response.status_code)), ("content-type", response.headers["content-type"])]
            peer.send_headers(number, fields)
            async for part in response.aiter_raw():
                if act := self.act_of(path):
                    await perform(act, peer, writer, number)
                    return
                peer.send_data(number, part)
                writer.write(peer.data_to_send())
        peer.end_stream(number)
        writer.write(peer.data_to_send())


async def perform(act: Act, peer: H2Connection, writer: asyncio.StreamWriter, number: int) -> None:
    """Break the stream of that number, or its connection."""
    if act == "reset":
        peer.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
    elif act == "goaway":
        peer.close_connection()
    writer.write(peer.data_to_send())
    while act == "flood":
        writer.write(FLOOD)
        await writer.drain()
        await asyncio.sleep(0)  # a lost connection is noticed only when others run, too
    if act == "goaway":
        writer.close()


@contextmanager
def breaking(server: str, act_of: Callable[[str], Act | None], alpn: str = "h2") -> Iterator[str]:
    """Run a proxy in a thread of its own until the block ends; yields its address."""
    proxy = BreakingProxy(server, act_of, alpn)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(proxy.serving()) as address:
        yield address
