"""The client's end of a push service's line: Pusher Channels, protocol 7, as much of it as a room needs.

What crosses the wire: a greeting with the socket's id, one signed `pusher:subscribe`, then events, and now and then a
`pusher:ping`. Source: https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol/.
"""

from typing import Any

from msgspec import Struct

from loadtests.http_line import LineBroken
from loadtests.socket_line import SocketLine
from servers.core.wire import decode, encode

ANSWER_S = 10.0


class ServiceAddress(Struct, frozen=True):
    """Where the push service is, as `GET /pusher/service` tells it. An empty host means the cluster's own."""

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
    """One envelope. `data` of a channel's event is a string that holds JSON."""

    event: str
    data: Any = None


class PusherLine:
    """A greeted line. Every method raises LineBroken."""

    def __init__(self, address: ServiceAddress) -> None:
        """Connect, and wait for the greeting."""
        self._line = SocketLine(address.url)
        self.socket_id: str = decode(self._expect("pusher:connection_established").data)["socket_id"]

    def subscribe(self, channel: str, auth: str) -> None:
        """Subscribe, and wait until the service has confirmed it."""
        self._line.say(encode({"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth}}))
        self._expect("pusher_internal:subscription_succeeded")

    def hear_within(self, patience_s: float) -> Frame | None:
        """Wait for the next frame, answering pings on the way; None when nothing came."""
        while text := self._line.hear_within(patience_s):
            frame = decode(text, type=Frame)
            if frame.event != "pusher:ping":
                return frame
            self._line.say(encode({"event": "pusher:pong", "data": {}}))
        return None

    def close(self) -> None:
        self._line.close()

    def _expect(self, event: str) -> Frame:
        frame = self.hear_within(ANSWER_S)
        if frame is None or frame.event != event:
            raise LineBroken(f"push service: expected {event}, got {frame}")
        return frame
