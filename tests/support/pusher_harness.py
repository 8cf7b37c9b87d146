"""The push service without a network: its protocol and API, a clock that a test sets, and an inbox per client."""

import itertools
import json
from collections import defaultdict
from typing import Any

from servers.pusher_service.api import Api
from servers.pusher_service.authorization import Credentials, channel_auth
from servers.pusher_service.broker import Broker, Close, Send
from servers.pusher_service.channels import EventCache, Kind
from servers.pusher_service.limits import Counters, Limits, Quota
from servers.pusher_service.protocol import PusherConnections

CREDENTIALS = Credentials("7", "the-key", "the-secret")

Json = dict[str, Any]


def signed_subscription(socket_id: str, channel: str, user: Json | None = None) -> Json:
    """Return the data of a `pusher:subscribe`, signed if the channel needs it; `user`: of a presence channel."""
    data: Json = {"channel": channel}
    if user is not None:
        data["channel_data"] = json.dumps(user)
    if channel.startswith((Kind.PRIVATE.value, Kind.PRESENCE.value)):
        data["auth"] = channel_auth(CREDENTIALS, socket_id, channel, data.get("channel_data"))
    return data


class PusherHarness:
    """Plays clients of the service. sent: all deliveries. inbox: each client's frames, decoded. closed: all closes.

    notes: the events for webhooks.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        ids = itertools.count(1)
        self.now_s = 1000.0
        self.counters = Counters()
        self.notes: list[dict[str, str]] = []
        self.broker = Broker(self.deliver, self.counters, limits, EventCache(lambda: self.now_s))
        self.broker.note = self.notes.append
        self.quota = Quota(self.counters, limits.messages_a_day, lambda: self.now_s)
        self.connections = PusherConnections(
            CREDENTIALS, limits, self.broker, self.quota, lambda: self.now_s, lambda: f"{next(ids)}.1"
        )
        self.api = Api(self.broker, limits, self.quota, self.connections.terminate)
        self.sent: list[Send] = []
        self.inbox: dict[str, list[Json]] = defaultdict(list)
        self.closed: list[tuple[str, int]] = []

    def deliver(self, action: Send | Close) -> None:
        if isinstance(action, Close):
            self.closed.append((action.socket_id, action.code))
            return
        self.sent.append(action)
        for socket_id in action.to:
            self.inbox[socket_id].append(json.loads(action.text))

    def connect(self, *channels: str) -> str:
        """Open a connection, subscribe it, and forget the frames that came; return its socket id."""
        socket_id, _ = self.connections.open(CREDENTIALS.key, "7")
        for channel in channels:
            self.subscribe(socket_id, channel)
        self.take(socket_id)
        return socket_id

    def connect_member(self, channel: str, user_id: str) -> str:
        """Connect one user, and subscribe to a presence channel; return the socket id. The inbox keeps the response."""
        socket_id = self.connect()
        self.subscribe(socket_id, channel, {"user_id": user_id, "user_info": {"name": user_id}})
        return socket_id

    def send(self, socket_id: str, event: str, **fields: Any) -> list[Json]:
        """Send one frame; return what its sender got in response."""
        return self.send_text(socket_id, json.dumps({"event": event, **fields}))

    def send_text(self, socket_id: str, text: str) -> list[Json]:
        seen = len(self.inbox[socket_id])
        self.connections.handle_frame(socket_id, text)
        return self.inbox[socket_id][seen:]

    def subscribe(self, socket_id: str, channel: str, user: Json | None = None) -> list[Json]:
        """Subscribe with a good signature, as `user` on a presence channel."""
        return self.send(socket_id, "pusher:subscribe", data=signed_subscription(socket_id, channel, user))

    def publish(self, **event: Any) -> Json:
        return self.api.publish(json.dumps({"name": "news", "data": "1", **event}).encode())

    def advance(self, seconds: float) -> None:
        """Let time pass, and have idle connections looked for."""
        self.now_s += seconds
        self.connections.check_idle()

    def take(self, socket_id: str) -> list[Json]:
        """Return a client's frames since the last time, and forget them."""
        return self.inbox.pop(socket_id, [])


def error_of(frames: list[Json]) -> tuple[int | None, str]:
    """Return the code and the message of the only frame, which must be a `pusher:error`."""
    (frame,) = frames
    assert frame["event"] == "pusher:error", frame
    return frame["data"]["code"], frame["data"]["message"]
