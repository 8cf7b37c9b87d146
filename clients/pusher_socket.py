"""A client's end of the push service's WebSocket, and a subscription that is renewed when the connection is lost.

Teaches that this protocol has ping messages of its own, which JavaScript can see, beside the pings of WebSockets; and
that a client need not wait for the subscription: it polls until then. What crosses the wire: `GET /pusher/service` and
`POST /pusher/auth` to the API, then the frames of `clients.pusher_frames` to the push service.
"""

import asyncio
from contextlib import suppress
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from clients.backoff import Backoff
from clients.cancellation import cancel
from clients.chat_socket import close_websocket
from clients.errors import ConnectionLost, Refused
from clients.http_session import HttpSession
from clients.pusher_frames import TERMINATED_CODE, Frame, error_of_code
from servers.addresses import may_use_proxy
from servers.core.wire import Page, ServiceAddress, SignedSubscription, SignIn, Undecodable, decode, encode


class PusherSocket:
    """An open connection to the push service. Every method raises ConnectionLost, or Refused if no retry can help."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.socket_id = ""
        self._has_signed_in = False

    @classmethod
    async def connect(cls, address: ServiceAddress, response_s: float) -> Self:
        """Open the connection and wait for the service's greeting."""
        try:
            socket = await connect(
                address.url,
                compression=None,
                proxy=True if may_use_proxy(address.url) else None,
                open_timeout=response_s,
            )
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise ConnectionLost(f"push service: {error}") from error
        opened = cls(socket)
        try:
            greeting = await opened.receive()
            opened.socket_id = greeting.fields().get("socket_id", "")
            if greeting.event != "pusher:connection_established" or not opened.socket_id:
                raise greeting.refusal()
        except BaseException:  # also if this call is cancelled
            socket.transport.abort()
            raise
        return opened

    async def sign_in(self, user: SignIn) -> None:
        """Sign in, so that the API can end this connection. The error of a service without sign-in is ignored."""
        await self._send(Frame("pusher:signin", user))
        self._has_signed_in = True

    async def subscribe(self, channel: str, auth: str, channel_data: str) -> None:
        """Subscribe, and wait for the confirmation; some services refuse with `pusher:subscription_error`."""
        await self._send(Frame.subscribe(channel, auth, channel_data))
        while (frame := await self.receive()).event != "pusher_internal:subscription_succeeded":
            if frame.event in ("pusher:error", "pusher:subscription_error"):
                raise frame.refusal()

    async def receive(self) -> Frame:
        """Wait for the next frame, and answer pings meanwhile. A cancelled call loses no frame."""
        while True:
            try:
                frame = decode(await self._socket.recv(), type=Frame)
            except ConnectionClosed as error:
                code = error.rcvd.code if error.rcvd else None
                if code == TERMINATED_CODE and self._has_signed_in:
                    raise Refused("not_joined", str(error)) from error
                raise error_of_code(code, str(error)) from error
            except Undecodable as error:
                raise ConnectionLost(f"push service: {error}") from error
            if frame.event != "pusher:ping":
                return frame
            await self._send(Frame("pusher:pong", {}))

    async def close(self) -> None:
        await close_websocket(self._socket)

    async def _send(self, frame: Frame) -> None:
        try:
            await self._socket.send(encode(frame), text=True)
        except ConnectionClosed as error:
            raise ConnectionLost(f"push service: {error}") from error


class PusherSubscription:
    """One socket to the push service, subscribed to the room of an HTTP session.

    silence_s: after how many seconds without a page the client reads; 0 if it sends heartbeats instead, and 0 until the
    API has named the service.
    """

    def __init__(self, http: HttpSession) -> None:
        self.silence_s = 0.0
        self._http = http
        self._backoff = Backoff(http.options.backoff_s, http.options.backoff_max_s)
        self._attempt: asyncio.Task[PusherSocket] | None = None

    def start(self, pause_s: float = 0.0) -> None:
        """Begin to subscribe after a pause. Does not wait."""
        self._attempt = asyncio.create_task(self._subscribe(pause_s))

    async def ready(self, within_s: float) -> bool:
        """Wait until the client is subscribed, at most `within_s`; return whether it is. Raises Refused."""
        assert self._attempt is not None
        if not self._attempt.done():
            await asyncio.wait([self._attempt], timeout=within_s)
        return self._attempt.done() and bool(self._attempt.result())

    async def receive(self) -> Page:
        """Wait for the next pushed page. A cancelled call loses no page. Raises ConnectionLost."""
        assert self._attempt is not None
        socket = self._attempt.result()
        while (frame := await socket.receive()).event != "page":
            pass
        try:
            page = decode(frame.data, type=Page)
        except (*Undecodable, TypeError) as error:  # TypeError: the data are not text
            raise ConnectionLost(f"push service: {error}") from error
        self._backoff.reset()
        return page

    async def restart(self) -> None:
        """Close the socket, and begin to subscribe again after a pause."""
        await self.close()
        self.start(self._backoff.next_s())

    async def close(self) -> None:
        """Close the socket, or stop trying to open one."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            await cancel(attempt)
            (result,) = await asyncio.gather(attempt, return_exceptions=True)
            if isinstance(result, PusherSocket):
                await result.close()

    async def _subscribe(self, pause_s: float) -> PusherSocket:
        """Subscribe after a pause, and repeat it after further pauses until it succeeds. Raises Refused."""
        while True:
            await asyncio.sleep(pause_s)
            with suppress(ConnectionLost, TimeoutError):
                async with asyncio.timeout(self._http.options.response_s):
                    return await self._connect()
            pause_s = self._backoff.next_s()

    async def _connect(self) -> PusherSocket:
        address = await self._http.get("/pusher/service", ServiceAddress)
        self.silence_s = address.silence_s
        socket = await PusherSocket.connect(address, self._http.options.response_s)
        try:
            channel = address.channel_prefix + self._http.room
            form = {"socket_id": socket.socket_id, "channel_name": channel, "connection": self._http.connection}
            signed = await self._http.request("POST", "/pusher/auth", SignedSubscription, data=form)
            await socket.subscribe(channel, signed.auth, signed.channel_data)
            await socket.sign_in(signed.user)
        except BaseException:
            await socket.close()
            raise
        return socket
