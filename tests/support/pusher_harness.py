"""A stage for the push service without a network: a relay, its API, a clock one can turn, and an inbox per client."""

import itertools
import json
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from servers.pusher_service.answers import Answer, Close, Denied
from servers.pusher_service.api import Api
from servers.pusher_service.exchange import Act, Join, Leave, Publish
from servers.pusher_service.in_process import InProcess
from servers.pusher_service.limits import Settings
from servers.pusher_service.protocol import PusherConnections
from servers.pusher_service.signatures import Credentials, channel_auth

CREDENTIALS = Credentials("7", "the-key", "the-secret")

Json = dict[str, Any]
Value = TypeVar("Value")


def at_once(steps: Coroutine[Any, Any, Value]) -> Value:
    """Run to its end what never waits, as nothing does in a service that is one process."""
    try:
        steps.send(None)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
    raise AssertionError("expected an act to be done at once, but it waits")


class PusherHarness:
    """Plays clients against a relay. `inbox` holds each client's frames, decoded; `closed` the codes of closes."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.now_s = 1000.0
        ids = itertools.count(1)
        self.settings = settings or Settings()
        self.relay = PusherConnections(CREDENTIALS, self.settings, lambda: self.now_s, lambda: f"{next(ids)}.1")
        counters, members_max = self.relay.counters, self.settings.members_max
        self.exchange = InProcess(self.deliver, counters, members_max, dict)
        self.api = Api(self.exchange, self.settings, counters)
        self.inbox: dict[str, list[Json]] = defaultdict(list)
        self.closed: dict[str, int] = {}

    def deliver(self, answer: Answer) -> None:
        if isinstance(answer, Close):
            self.closed[answer.socket_id] = answer.code
            return
        for socket_id in answer.to:
            self.inbox[socket_id].append(json.loads(answer.text))

    def carry_out(self, decided: Iterable[Answer | Act]) -> None:
        for each in decided:
            match each:
                case Join():
                    try:
                        at_once(self.exchange.join(each))
                    except Denied as denied:
                        self.deliver(self.relay.denied(each.seat, denied))
                case Leave():
                    at_once(self.exchange.leave([each.seat]))
                case Publish():
                    at_once(self.exchange.publish([each]))
                case answer:
                    self.deliver(answer)

    def connect(self) -> str:
        """Open a connection; return its socket id."""
        socket_id, _ = self.relay.opened(CREDENTIALS.key, "7")
        return socket_id

    def hang_up(self, socket_id: str) -> None:
        at_once(self.exchange.leave(self.relay.closed(socket_id)))

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
        return at_once(self.api.publish(json.dumps(event).encode()))

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
