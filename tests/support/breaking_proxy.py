"""A proxy that speaks HTTP/2 to clients and HTTP/1.1 to a server, and breaks streams or connections in a response."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, Self

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

FLOOD = SettingsFrame().serialize() * 1_000

REQUESTS_TO_BREAK = ("send", "events")
"""The proxy breaks the responses to these requests: the server has executed them, but the client does not learn it."""

BREAK_EVERY = 3  # of the parts of those responses
BREAKS_MAX = 10  # of each kind of request: a client that returns causes further events, which would be broken, too
Act = Literal["reset", "goaway", "flood"]  # RST_STREAM ends a stream, GOAWAY a connection; or SETTINGS without end
Request = tuple[dict[str, str], bytearray]  # header fields and body


@dataclass
class BreakingProxy:
    """Interrupts some responses of a server by one kind of act; broken: how often, by what was requested."""

    server: str
    act: Act
    address: str = ""
    broken: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serve until the block ends."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate_file())
        context.set_alpn_protocols(["h2"])
        server = await asyncio.start_server(self._connected, LOOPBACK, 0, ssl=context)
        self.address = f"https://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = H2Connection(H2Configuration(client_side=False, header_encoding="ascii"))
        peer.initiate_connection()
        requests: dict[int, Request] = {}
        passing: dict[int, asyncio.Task[None]] = {}
        async with httpx.AsyncClient(base_url=self.server, trust_env=False, timeout=None) as client:
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
                if self._is_due(path):
                    await self._break(peer, writer, number)
                    return
                peer.send_data(number, part)
                writer.write(peer.data_to_send())
        peer.end_stream(number)
        writer.write(peer.data_to_send())

    def _is_due(self, path: str) -> bool:
        """Return whether to break the response now, and count it."""
        request = path.partition("?")[0].rpartition("/")[2]
        self.parts[request] += 1
        is_next = request in REQUESTS_TO_BREAK and self.parts[request] % BREAK_EVERY == 0
        is_due = is_next and self.broken[request] < BREAKS_MAX
        self.broken[request] += is_due
        return is_due

    async def _break(self, peer: H2Connection, writer: asyncio.StreamWriter, number: int) -> None:
        if self.act == "reset":
            peer.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
        elif self.act == "goaway":
            peer.close_connection()
        writer.write(peer.data_to_send())
        while self.act == "flood":
            writer.write(FLOOD)
            await writer.drain()
            await asyncio.sleep(0)  # a lost connection is noticed only when others run, too
        if self.act == "goaway":
            writer.close()


@contextmanager
def breaking(server: str, act: Act) -> Iterator[BreakingProxy]:
    """Run a proxy in a thread of its own until the block ends."""
    proxy = BreakingProxy(server, act)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(proxy.serving()):
        yield proxy
