"""A load user's connection to a push service: one WebSocket on a gevent socket.

What crosses the wire: the frames of `clients.pusher_frames`.
"""

from typing import Any

from clients.pusher_frames import Frame
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.reports import WEBSOCKET, Report, read_as, timed
from loadtests.users.websocket_connection import WebSocketConnection
from servers.core.wire import ServiceAddress, SignedSubscription, encode

RESPONSE_S = 10.0


class PusherConnection:
    """A connection that the service has confirmed. Every method raises ConnectionLost."""

    def __init__(self, address: ServiceAddress, report: Report) -> None:
        """Connect, and wait for the confirmation."""
        self._report = report
        self._socket = WebSocketConnection(address.url, report)
        try:
            self.socket_id = read_as(self._expect("pusher:connection_established").data, dict[str, Any])["socket_id"]
        except BaseException:
            self.close()
            raise

    def subscribe(self, channel: str, signed: SignedSubscription) -> None:
        """Subscribe, wait until the service has confirmed it, and sign in, as every client does."""
        with timed(self._report, WEBSOCKET, "subscribe"):
            self._socket.send(encode(Frame.subscribe(channel, signed.auth, signed.channel_data)))
            self._expect("pusher_internal:subscription_succeeded")
        self._socket.send(encode(Frame("pusher:signin", signed.user)))

    def receive(self, timeout_s: float) -> Frame | None:
        """Wait for the next frame, answering pings meanwhile; None when nothing came."""
        while text := self._socket.receive_within(timeout_s):
            frame = read_as(text, Frame)
            if frame.event != "pusher:ping":
                return frame
            self._socket.send(encode(Frame("pusher:pong", {})))
        return None

    def close(self) -> None:
        self._socket.close()

    def _expect(self, event: str) -> Frame:
        frame = self.receive(RESPONSE_S)
        if frame is None or frame.event != event:
            raise ConnectionLost(f"push service: expected {event}, got {frame}")
        return frame
