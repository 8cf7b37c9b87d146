"""A stage for the push service without a network: a relay, its API, a clock one can turn, and an inbox per client."""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from servers.pusher_service.answers import Answer, Close
from servers.pusher_service.api import Api
from servers.pusher_service.limits import Settings
from servers.pusher_service.protocol import Relay
from servers.pusher_service.signatures import Credentials, channel_auth

CREDENTIALS = Credentials("7", "the-key", "the-secret")

Json = dict[str, Any]


class Stage:
    """Plays clients against a relay. `inbox` holds each client's frames, decoded; `closed` the codes of closes."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.now_s = 1000.0
        ids = itertools.count(1)
        self.settings = settings or Settings()
        self.relay = Relay(CREDENTIALS, self.settings, lambda: self.now_s, lambda: f"{next(ids)}.1")
        self.api = Api(self.relay, self.settings)
        self.inbox: dict[str, list[Json]] = defaultdict(list)
        self.closed: dict[str, int] = {}

    def carry_out(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            if isinstance(answer, Close):
                self.closed[answer.socket_id] = answer.code
            else:
                for socket_id in answer.to:
                    self.inbox[socket_id].append(json.loads(answer.text))

    def connect(self) -> str:
        """Open a connection; return its socket id."""
        socket_id, _ = self.relay.opened(CREDENTIALS.key, "7")
        return socket_id

    def hang_up(self, socket_id: str) -> None:
        self.carry_out(self.relay.closed(socket_id))

    def say(self, socket_id: str, event: str, **fields: Any) -> list[Json]:
        """Send one frame; return what its sender was answered."""
        return self.say_raw(socket_id, json.dumps({"event": event, **fields}))

    def say_raw(self, socket_id: str, text: str) -> list[Json]:
        seen = len(self.inbox[socket_id])
        self.carry_out(self.relay.heard(socket_id, text))
        return self.inbox[socket_id][seen:]

    def subscribe(self, socket_id: str, channel: str, user: Json | None = None) -> list[Json]:
        """Subscribe with a good signature, as `user` on a presence channel."""
        data: Json = {"channel": channel}
        if user is not None:
            data["channel_data"] = json.dumps(user)
        if not channel.startswith("public"):
            data["auth"] = channel_auth(CREDENTIALS, socket_id, channel, data.get("channel_data"))
        return self.say(socket_id, "pusher:subscribe", data=data)

    def member(self, channel: str, user_id: str) -> str:
        """Connect and subscribe one user of a presence channel; return the socket id."""
        socket_id = self.connect()
        self.subscribe(socket_id, channel, {"user_id": user_id, "user_info": {"name": user_id}})
        return socket_id

    def publish(self, **event: Any) -> Json:
        answer, sends = self.api.publish(json.dumps(event).encode())
        self.carry_out(sends)
        return answer

    def take(self, socket_id: str) -> list[Json]:
        """Return a client's frames since the last time, and forget them."""
        frames = self.inbox[socket_id][:]
        self.inbox[socket_id].clear()
        return frames


def error_of(frames: list[Json]) -> tuple[int | None, str]:
    """Return code and message of the one `pusher:error` that the frames are."""
    (frame,) = frames
    assert frame["event"] == "pusher:error", frame
    return frame["data"]["code"], frame["data"]["message"]
