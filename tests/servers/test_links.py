"""TLS and HTTP/2 on a real server: every transport over either, and clients that abuse what HTTP/2 lets them do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RemoteSettingsChanged, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from servers.asgi_extensions import CancelOnDisconnect
from servers.connection_limits import ConnectionLimits
from servers.links import Link, client_tls_context
from servers.serving import HttpSettings
from servers.transports import TRANSPORTS, Transport
from servers.wire_bytes import WireBytes
from tests.support.chat_harness import ChatHarness, deliver, serving
from tests.support.deadline import DEADLINE_S
from tests.support.listener import Listener, serving_in_process

CHUNK, CHUNKS = b"x" * 65_536, 1_000
LIMITS = ConnectionLimits(stall_s=0.2, body_s=1.0)


@pytest.mark.process
@pytest.mark.parametrize("link", [Link.TLS, Link.H2])
@pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda row: row.slug)
async def test_every_transport_delivers_over_every_link(transport: Transport, link: Link, certificates: None) -> None:
    with serving(transport, "--link", link) as server:
        assert server.address.startswith("https://")
        async with ChatHarness(transport, server.address).joined("Ada", "Bob") as (ada, bob):
            await deliver("Over TLS", ada, ada, bob)


class Peer:
    """An HTTP/2 client that sends only what a test asks for: it acknowledges no data by itself.

    made: how many chunks the server has made for `/flood`. left: set when a request of `/held` ends.
    """

    def __init__(self, listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.listener = listener
        self.made = 0
        self.left = asyncio.Event()
        self.protocol = H2Connection(H2Configuration(header_encoding="ascii"))
        self.protocol.initiate_connection()
        self._reader, self._writer = reader, writer
        self._events: list[Event] = []

    def request(self, path: str, has_body: bool = False, cookie: str = "") -> int:
        """Queue a request; return the id of its stream."""
        stream_id = self.protocol.get_next_available_stream_id()
        fields = [(":method", "POST" if has_body else "GET"), (":authority", "localhost"), (":path", path)]
        self.protocol.send_headers(
            stream_id, [*fields, (":scheme", "https"), ("cookie", cookie)], end_stream=not has_body
        )
        return stream_id

    def first(self, kind: type[Event], stream_id: int | None) -> Any:
        """Return the first event of a kind that has come, of a stream if one is named; None if there is none yet."""
        of_kind = (event for event in self._events if isinstance(event, kind))
        return next((event for event in of_kind if stream_id in (None, getattr(event, "stream_id", None))), None)

    async def until(self, kind: type[Event], stream_id: int | None = None) -> Any:
        """Send what is queued, and return that event once it has come."""
        async with asyncio.timeout(DEADLINE_S):
            while (event := self.first(kind, stream_id)) is None:
                self._writer.write(self.protocol.data_to_send())
                await self._writer.drain()
                data = await self._reader.read(65_536)
                assert data, "the server has closed the connection"
                self._events += self.protocol.receive_data(data)
        return event


@pytest.fixture
async def peer(certificates: None) -> AsyncIterator[Peer]:
    """Serve over HTTP/2 in this process, and connect."""

    async def flood(_: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(CHUNKS):
                client.made += 1
                yield CHUNK
                await asyncio.sleep(0)  # a source that reads from a file or a database waits here

        return StreamingResponse(chunks())

    async def page(_: Request) -> Response:
        return Response(CHUNK + b"more than a window")

    async def held(request: Request) -> Response:
        with suppress(ClientDisconnect), CancelOnDisconnect(request.scope):
            await asyncio.Event().wait()
        client.left.set()
        return Response()

    async def echo(request: Request) -> Response:
        return Response(await request.body())

    endpoints = (flood, page, held, echo)
    app = Starlette(routes=[Route(f"/{each.__name__}", each, methods=["GET", "POST"]) for each in endpoints])
    app.state.wire = WireBytes()
    context = client_tls_context()
    context.set_alpn_protocols(["h2"])
    async with serving_in_process(app, HttpSettings(link=Link.H2, limits=LIMITS)) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
        client = Peer(listener, reader, writer)
        yield client
        writer.transport.abort()


@pytest.mark.parametrize("path", ["/flood", "/page"])
async def test_a_stream_whose_reader_grants_no_window_is_reset_and_the_others_are_served(path: str, peer: Peer) -> None:
    flooded = peer.request(path)
    async with asyncio.timeout(DEADLINE_S):
        while peer.first(StreamReset, flooded) is None:
            await peer.until(StreamEnded, peer.request("/echo"))
    assert peer.made < CHUNKS / 100
    await peer.until(StreamEnded, peer.request("/echo"))


async def test_a_head_over_the_limit_is_answered_431_and_the_next_request_is_served(peer: Peer) -> None:
    response = await peer.until(ResponseReceived, peer.request("/echo", cookie="x" * LIMITS.head_bytes_max))
    assert dict(response.headers)[":status"] == "431"
    await peer.until(StreamEnded, peer.request("/echo", cookie="x" * (LIMITS.head_bytes_max // 2)))


async def test_a_reset_of_a_stream_cancels_its_request(peer: Peer) -> None:
    peer.protocol.reset_stream(peer.request("/held"))
    await peer.until(StreamEnded, peer.request("/echo"))
    await asyncio.wait_for(peer.left.wait(), DEADLINE_S)


async def test_a_rapid_reset_attack_ends_the_connection(peer: Peer) -> None:
    """See CVE-2023-44487."""
    for _ in range(300):
        peer.protocol.reset_stream(peer.request("/held"))
    with pytest.raises(AssertionError, match="closed"):
        await peer.until(StreamEnded, peer.request("/held"))


async def test_a_stream_is_reset_when_its_body_does_not_arrive_in_time(peer: Peer) -> None:
    unfinished, whole = peer.request("/echo", has_body=True), peer.request("/echo", has_body=True)
    peer.protocol.send_data(whole, b"hello", end_stream=True)
    assert (await peer.until(DataReceived)).data == b"hello"
    timers: Any = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    waiting = [timer for timer in timers if "StreamFlow" in repr(timer) and not timer.cancelled()]
    assert len(waiting) == 1, "a response that is complete leaves no timer"
    assert (await peer.until(StreamReset)).stream_id == unfinished


async def test_the_servers_settings_limit_streams_and_offer_no_websocket(peer: Peer) -> None:
    settings = (await peer.until(RemoteSettingsChanged)).changed_settings
    assert SettingCodes.MAX_CONCURRENT_STREAMS in settings
    assert SettingCodes.ENABLE_CONNECT_PROTOCOL not in settings


async def test_a_connection_that_takes_no_bytes_is_not_read_until_it_takes_some(peer: Peer) -> None:
    await peer.until(StreamEnded, peer.request("/echo"))
    (accepted,) = peer.listener.state.connections
    accepted.pause_writing()
    assert not accepted.transport.is_reading()
    accepted.resume_writing()
    await peer.until(StreamEnded, peer.request("/echo"))
