"""The client's end of a chat server's WebSocket: like `clients.http_session`, with frames in place of requests.

What crosses the wire: a `join` and its snapshot; then numbered commands and their acknowledgements, with pages between
them. Close codes 4400 to 4499 are refusals. Any other end is a lost connection, and so is a missing pong.
"""

import asyncio
import itertools
from contextlib import suppress
from typing import Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConcurrencyError, ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import CloseCode

from clients.errors import ClientError, ConnectionLost, Refused, refused
from clients.http_session import TEMPORARY_STATUSES, ServerTimings, retry_after_s
from servers.addresses import may_use_proxy
from servers.core import wire

CLOSE_S = 1.0  # how long the closing handshake may take; after that the connection is cut
FRAME_BYTES_MAX = 16 * 1024 * 1024  # a page of a hundred of the longest texts, each character escaped, is 2.5 MB
REFUSALS = range(4400, 4500)


async def close_websocket(socket: ClientConnection) -> None:
    """Close, and discard unread frames: they would keep websockets from reading the server's close frame.

    Waits, at most CLOSE_S.
    """
    closing = asyncio.create_task(socket.close())
    try:
        async with asyncio.timeout(CLOSE_S):
            with suppress(ConnectionClosed, ConcurrencyError):  # ConcurrencyError: another task reads the frames
                while True:
                    await socket.recv(decode=False)
            await closing
    except TimeoutError:
        pass
    finally:
        socket.transport.abort()
        await asyncio.gather(closing, return_exceptions=True)


class ChatSocket:
    """An open connection. Every method raises Refused or ConnectionLost; `receive_page` also reads the responses."""

    def __init__(self, socket: ClientConnection, response_s: float) -> None:
        self._socket = socket
        self._response_s = response_s
        self._refs = itertools.count(1)
        self._responses: dict[int, asyncio.Future[wire.Ack]] = {}

    @classmethod
    async def connect(cls, url: str, response_s: float, ping_s: float = ServerTimings().ping_s) -> Self:
        """Open the connection, and ping every `ping_s` seconds; waits, at most `response_s` seconds."""
        try:
            socket = await connect(
                url,
                compression=None,
                proxy=True if may_use_proxy(url) else None,
                max_size=FRAME_BYTES_MAX,
                open_timeout=response_s,
                ping_interval=ping_s,
                ping_timeout=response_s,
                close_timeout=CLOSE_S,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if status >= 500 or status in TEMPORARY_STATUSES:
                after_s = retry_after_s(error.response.headers)
                raise ConnectionLost(f"{url}: the response to the upgrade was {status}", after_s) from error
            raise Refused("forbidden", f"the response to the upgrade was {status}") from error
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise ConnectionLost(f"{url}: {error}") from error
        return cls(socket, response_s)

    async def join(self, join: wire.Join) -> wire.Snapshot:
        """Join the room, or continue after a cursor; waits for the snapshot."""
        await self._send(join)
        response = await self._receive()
        if not isinstance(response, wire.Snapshot):
            raise ConnectionLost(f"expected a snapshot first, got {response}")
        return response

    async def post(self, command: wire.SocketCommand) -> wire.Ack:
        """Send a command; waits for its acknowledgement, which is read only while a task calls `receive_page`."""
        ref = next(self._refs)
        response: asyncio.Future[wire.Ack] = asyncio.get_running_loop().create_future()
        self._responses[ref] = response
        try:
            await self._send(msgspec.structs.replace(command, ref=ref))
            async with asyncio.timeout(self._response_s):
                return await response
        except TimeoutError:
            raise ConnectionLost(f"no response within {self._response_s:g} s") from None
        finally:
            del self._responses[ref]

    async def receive_page(self) -> wire.Page:
        """Wait for the next page; responses that arrive before it complete the `post` that waits for them."""
        while True:
            match await self._receive():
                case wire.Page() as page:
                    return page
                case wire.Ack() as ack if self._is_awaited(ack.ref):
                    self._responses[ack.ref].set_result(ack)
                case wire.Refusal() as refusal if self._is_awaited(refusal.ref):
                    self._responses[refusal.ref].set_exception(refused(refusal))

    async def discard_pages(self, until: asyncio.Event) -> bool:
        """Read responses and drop pages until the event is set; return whether a dropped page held an event."""
        discarded = False

        async def read() -> None:
            nonlocal discarded
            while True:
                page = await self.receive_page()
                discarded = discarded or bool(page.events)

        reading, waiting = asyncio.create_task(read()), asyncio.create_task(until.wait())
        try:
            await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                await reading
        finally:
            reading.cancel()
            waiting.cancel()
            await asyncio.gather(reading, waiting, return_exceptions=True)
        return discarded

    async def close(self) -> None:
        """Close the connection at once; commands without a response raise ConnectionLost."""
        for response in self._responses.values():
            if not response.done():
                response.set_exception(ConnectionLost("the connection was closed before the response arrived"))
        await close_websocket(self._socket)

    def _is_awaited(self, ref: int) -> bool:
        """Return whether a `post` still waits for this response: it may have timed out."""
        return ref in self._responses and not self._responses[ref].done()

    async def _send(self, command: wire.Join | wire.SocketCommand) -> None:
        try:
            await self._socket.send(wire.encode(command), text=True)
        except ConnectionClosed as error:
            raise closed(error) from error

    async def _receive(self) -> wire.ServerFrame:
        try:
            frame: wire.ServerFrame = wire.decode_frame(await self._socket.recv(decode=False))
        except ConnectionClosed as error:
            raise closed(error) from error
        except wire.Undecodable as error:
            raise ConnectionLost(f"expected a frame of the chat: {error}") from error
        return frame


def closed(error: ConnectionClosed) -> ClientError:
    """Return the error that a close code stands for; without a close frame, a lost connection."""
    code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (int(CloseCode.ABNORMAL_CLOSURE), "")
    if code == CloseCode.MESSAGE_TOO_BIG:
        return Refused("too_large", "the frame was longer than the server accepts")
    if code in REFUSALS:
        return Refused(reason, f"the server closed the connection with {code}")
    return ConnectionLost(f"the connection was closed with {code} {reason}".rstrip())
