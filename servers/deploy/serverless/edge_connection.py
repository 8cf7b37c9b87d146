"""One end of an HTTP/1.1 connection: h11's state machine, which does no I/O, over a pair of streams that does.

Teaches what a host in front of functions must understand of HTTP: where a request and a response begin and end, since
an invocation is just that. Headers about one connection ("hop by hop", RFC 9110 section 7.6.1) are not passed on.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import h11

from servers.connection_limits import ConnectionLimits
from servers.deploy.serverless import platform_responses as platform
from servers.deploy.serverless.platform_responses import Refused
from servers.wire_bytes import ABORT_AFTER_S, Traffic, WireBytes

READ_BYTES = 65_536
LIMITS = ConnectionLimits()
HOP_BY_HOP = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade"))

Headers = list[tuple[bytes, bytes]]


class EdgeConnection:
    """Receives and sends h11's events, and counts bytes into `wire`. switched: whether it is a WebSocket now."""

    def __init__(
        self,
        role: type[h11.CLIENT | h11.SERVER],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        wire: WireBytes,
    ) -> None:
        self.http = h11.Connection(role, max_incomplete_event_size=LIMITS.head_bytes_max)
        self.switched = False
        self._is_head = False
        self._reader = reader
        self._writer = writer
        self._wire = wire
        self._traffic = wire.http
        self._exchange = Traffic()

    @property
    def has_responded(self) -> bool:
        """Whether a response has begun: then it can only be cut, not replaced."""
        return self.http.our_state is not h11.SEND_RESPONSE

    async def receive(self) -> h11.Event:
        """Wait for the next event; raises h11.RemoteProtocolError, OSError."""
        while True:
            event = self.http.next_event()
            if isinstance(event, h11.Request):
                self._is_head = event.method == b"HEAD"
            if isinstance(event, h11.Event):
                return event
            assert event is h11.NEED_DATA, event
            if self.http.they_are_waiting_for_100_continue:
                await self.send_events(h11.InformationalResponse(status_code=100, headers=[]))
            self.http.receive_data(await self.read())

    async def read(self) -> bytes:
        """Wait for some bytes; none when the other end has closed. Raises OSError."""
        data = await self._reader.read(READ_BYTES)
        self._traffic.received += len(data)
        self._exchange.received += len(data)
        return data

    async def receive_request(self, idle_s: float, head_s: float) -> h11.Event:
        """Wait for the next request's head, which may take `head_s` from its first byte.

        Raises Refused, or OSError, such as the TimeoutError of a connection on which nothing comes for `idle_s`.
        """
        if not self.http.trailing_data[0]:
            async with asyncio.timeout(idle_s):
                self.http.receive_data(await self.read())
        async with valid_within(head_s):
            event = await self.receive()
        if isinstance(event, h11.Request):
            if head_bytes(event) > LIMITS.head_bytes_max:  # it came in one piece, which h11 does not limit
                raise Refused(platform.HEAD_TOO_LARGE)
            if b"host" not in dict(event.headers):  # which HTTP/1.0 allows, and the request to an instance needs
                raise Refused(platform.BAD_REQUEST)
        return event

    async def receive_body(self, bytes_max: int, body_s: float) -> bytes:
        """Wait for a request's whole body; raises Refused, OSError."""
        body = bytearray()
        async with valid_within(body_s):
            while isinstance(event := await self.receive(), h11.Data):
                body += event.data
                if len(body) > bytes_max:
                    raise Refused(platform.TOO_LARGE)
        return bytes(body)

    async def send_events(self, *events: h11.Event) -> None:
        """Write events, and wait while the other end is slow; nothing is written to one that has closed."""
        sent = [event for event in events if not (self._is_head and isinstance(event, h11.Data))]
        await self.write(b"".join(self.http.send(event) or b"" for event in sent))

    async def write(self, data: bytes) -> None:
        """Write bytes as they are; waits like `send_events`."""
        if not self._writer.is_closing():
            self._traffic.sent += len(data)
            self._exchange.sent += len(data)
            self._writer.write(data)
        with suppress(OSError):
            await self._writer.drain()

    def next_exchange(self) -> bool:
        """Get ready for the next request; False if the connection ends with this one."""
        if self.http.our_state is not h11.DONE or self.http.their_state is not h11.DONE:
            return False
        self.http.start_next_cycle()
        self._exchange = Traffic()
        return True

    def switch(self) -> None:
        """Count this connection as a WebSocket from now on, its handshake included."""
        self._traffic.received -= self._exchange.received
        self._traffic.sent -= self._exchange.sent
        self._traffic = self._wire.websocket
        self._traffic.received += self._exchange.received
        self._traffic.sent += self._exchange.sent
        self.switched = True

    async def linger(self) -> None:
        """End the connection, and drop for a while what still arrives, lest it reset what was sent last."""
        with suppress(OSError):
            self._writer.write_eof()
            async with asyncio.timeout(ABORT_AFTER_S):
                while await self.read():
                    pass

    def abort(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()


@asynccontextmanager
async def valid_within(within_s: float) -> AsyncIterator[None]:
    """Raise Refused in a block that takes longer, or that receives what is not HTTP."""
    try:
        async with asyncio.timeout(within_s):
            yield
    except TimeoutError as error:
        raise Refused(platform.TOO_LATE) from error
    except h11.RemoteProtocolError as error:
        is_long = error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        raise Refused(platform.HEAD_TOO_LARGE if is_long else platform.BAD_REQUEST) from error


def head_bytes(request: h11.Request) -> int:
    """Return the size of a request's line and header fields, give or take a few spaces."""
    return len(request.target) + sum(len(name) + len(value) + len(b": \r\n") for name, value in request.headers)


def passed_on(headers: Iterable[tuple[bytes, bytes]], keep: frozenset[bytes] = frozenset()) -> Headers:
    """Return the headers that concern more than this connection, and those to keep all the same."""
    return [(name, value) for name, value in headers if name not in HOP_BY_HOP - keep]
