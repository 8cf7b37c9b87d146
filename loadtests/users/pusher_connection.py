"""The load generator's end of a push service's line: one WebSocket on a gevent socket.

What crosses the wire is told by `clients.pusher_frames`.
"""

from typing import Any

from clients.pusher_frames import Frame, ServiceAddress
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.reports import WEBSOCKET, Report, read_as, timed
from loadtests.users.websocket_connection import WebSocketConnection
from servers.core.wire import encode

ANSWER_S = 10.0


class PusherConnection:
    """A greeted line. Every method raises ConnectionLost."""

    def __init__(self, address: ServiceAddress, report: Report) -> None:
        """Connect, and wait for the greeting."""
        self._report = report
        self._line = WebSocketConnection(address.url, report)
        self.socket_id = read_as(self._expect("pusher:connection_established").data, dict[str, Any])["socket_id"]

    def subscribe(self, channel: str, auth: str) -> None:
        """Subscribe, and wait until the service has confirmed it."""
        with timed(self._report, WEBSOCKET, "subscribe"):
            self._line.say(encode(Frame("pusher:subscribe", {"channel": channel, "auth": auth})))
            self._expect("pusher_internal:subscription_succeeded")

    def hear_within(self, patience_s: float) -> Frame | None:
        """Wait for the next frame, answering pings on the way; None when nothing came."""
        while text := self._line.hear_within(patience_s):
            frame = read_as(text, Frame)
            if frame.event != "pusher:ping":
                return frame
            self._line.say(encode(Frame("pusher:pong", {})))
        return None

    def close(self) -> None:
        self._line.close()

    def _expect(self, event: str) -> Frame:
        frame = self.hear_within(ANSWER_S)
        if frame is None or frame.event != event:
            raise ConnectionLost(f"push service: expected {event}, got {frame}")
        return frame
