"""The client's end of the push service's WebSocket: connects, subscribes, receives, and answers pings.

Teaches that this protocol pings in messages of its own, which JavaScript can see, and not by the pings of WebSockets.
What crosses the wire: the frames of `clients.pusher_frames`.
"""

from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from clients.chat_socket import close_websocket
from clients.errors import ConnectionLost, Refused
from clients.pusher_frames import TERMINATED_CODE, Frame, refused
from servers.addresses import may_use_proxy
from servers.core.wire import ServiceAddress, SignIn, Undecodable, decode, encode


class PusherSocket:
    """An open connection to the push service. Every method raises ConnectionLost, or Refused for what is for good."""

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
        except BaseException:  # also when nobody waits for it any more
            socket.transport.abort()
            raise
        return opened

    async def sign_in(self, user: SignIn) -> None:
        """Sign in, so that the API can end this connection; a service without sign-in may say so, to no effect."""
        await self._send(Frame("pusher:signin", user))
        self._has_signed_in = True

    async def subscribe(self, channel: str, auth: str, channel_data: str) -> None:
        """Subscribe, and wait until the service has confirmed it; some services refuse it by an event of its own."""
        await self._send(Frame.subscribe(channel, auth, channel_data))
        while (frame := await self.receive()).event != "pusher_internal:subscription_succeeded":
            if frame.event in ("pusher:error", "pusher:subscription_error"):
                raise frame.refusal()

    async def receive(self) -> Frame:
        """Wait for the next frame, answering pings meanwhile. May be cancelled without losing one."""
        while True:
            try:
                frame = decode(await self._socket.recv(), type=Frame)
            except ConnectionClosed as error:
                code = error.rcvd.code if error.rcvd else None
                if code == TERMINATED_CODE and self._has_signed_in:
                    raise Refused("not_joined", str(error)) from error
                raise refused(code, str(error)) from error
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
