"""The client's end of the push service's line: Pusher Channels, protocol 7, as much of it as a chat needs.

What crosses the wire: `pusher:connection_established`, one signed `pusher:subscribe`, then events, and now and then a
`pusher:ping`. Source: https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol/.
"""

from typing import Any, Self

from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from clients.errors import LineBroken
from servers.core.wire import Undecodable, decode, encode


class ServiceAddress(Struct, frozen=True):
    """Where the push service is, as `GET /pusher/service` tells it."""

    key: str
    cluster: str
    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        host = self.host or f"ws-{self.cluster}.pusher.com"
        scheme = "wss" if self.tls else "ws"
        return f"{scheme}://{host}:{self.port}/app/{self.key}?protocol=7&client=push-or-poll&version=1.0"


class Frame(Struct, frozen=True):
    """One envelope. `data` of a channel event is a string that holds JSON."""

    event: str
    data: Any = None
    channel: str = ""


class PusherSocket:
    """An open line to the push service. Every method raises LineBroken."""

    def __init__(self, socket: ClientConnection, socket_id: str) -> None:
        self._socket = socket
        self.socket_id = socket_id

    @classmethod
    async def connect(cls, address: ServiceAddress, answer_s: float) -> Self:
        """Open the line and await the service's greeting."""
        try:
            socket = await connect(address.url, compression=None, proxy=None, open_timeout=answer_s)
            greeting = decode(await socket.recv(), type=Frame)
        except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError, *Undecodable) as error:
            raise LineBroken(f"push service: {error}") from error
        if greeting.event != "pusher:connection_established":
            raise LineBroken(f"push service: expected a greeting, got {greeting.event} {greeting.data}")
        return cls(socket, decode(greeting.data)["socket_id"])

    async def subscribe(self, channel: str, auth: str) -> None:
        """Subscribe, and wait until the service has said that it is so."""
        await self._say(Frame("pusher:subscribe", {"channel": channel, "auth": auth}))
        while (frame := await self.hear()).event != "pusher_internal:subscription_succeeded":
            if frame.event == "pusher:error":
                raise LineBroken(f"push service: {frame.data}")

    async def hear(self) -> Frame:
        """Wait for the next frame, answering pings on the way. May be cancelled without losing one."""
        while True:
            try:
                frame = decode(await self._socket.recv(), type=Frame)
            except (ConnectionClosed, *Undecodable) as error:
                raise LineBroken(f"push service: {error}") from error
            if frame.event != "pusher:ping":
                return frame
            await self._say(Frame("pusher:pong", {}))

    async def close(self) -> None:
        await self._socket.close()

    async def _say(self, frame: Frame) -> None:
        try:
            await self._socket.send(encode(frame), text=True)
        except ConnectionClosed as error:
            raise LineBroken(f"push service: {error}") from error
