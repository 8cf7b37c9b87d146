"""Which of one worker's sockets listen to what, and what they are given of what is published at Redis.

Teaches the two steps of a subscription that crosses a network. From the moment a socket asks, the worker listens at
Redis for it; but only once it is welcomed does it get frames. What was published in between is told by its welcome.
Leaves out who may listen, and who counts as present: that is Redis' to say.
"""

from servers.pusher_service import frames
from servers.pusher_service.answers import Counters, Send
from servers.pusher_service.channels import Channels
from servers.pusher_service.exchange import Deliver, Seat
from servers.pusher_service.redis_line import RedisLine

EVENT, NOTICE, REMOVED = "event", "notice", "removed"


class Listeners:
    """The sockets of one worker. What concerns a channel is published under `heard` and its name."""

    def __init__(self, heard: str, deliver: Deliver, counters: Counters) -> None:
        self._heard = heard
        self._deliver = deliver
        self._counters = counters
        self._welcomed = Channels()
        self._asking: dict[str, set[str]] = {}  # those that were welcomed, and those that are about to be

    def ask(self, seat: Seat, line: RedisLine) -> None:
        """Listen at Redis from now on, and so before whatever is asked next."""
        asking = self._asking.setdefault(seat.channel, set())
        if not asking:
            line.tell("SUBSCRIBE", self._heard + seat.channel)
        asking.add(seat.socket_id)

    def welcome(self, seat: Seat, text: str) -> None:
        """Give a socket its welcome, and from now on all that is published; nothing if it has left meanwhile."""
        if seat.socket_id in self._asking.get(seat.channel, ()):
            self._welcomed.opened(seat.channel, seat.kind).join(seat.socket_id, None)
            self._deliver(Send((seat.socket_id,), text))

    def leave(self, seat: Seat, line: RedisLine) -> None:
        """Give a socket nothing more; the last one to leave ends the listening at Redis."""
        asking = self._asking[seat.channel]
        asking.discard(seat.socket_id)
        if not asking:
            del self._asking[seat.channel]
            line.tell("UNSUBSCRIBE", self._heard + seat.channel)
        channel = self._welcomed.find(seat.channel)
        if channel is not None and seat.socket_id in channel.subscribers:
            channel.leave(seat.socket_id)
            self._welcomed.drop_if_empty(seat.channel)

    def told(self, place: str, published: str) -> bool:
        """Pass on what was published, unless it concerns no channel; return whether it does. Never waits."""
        if not place.startswith(self._heard):
            return False
        name = place.removeprefix(self._heard)
        head, _, frame = published.partition("\n")
        kind, _, but = head.partition(" ")
        if listeners := self._welcomed.listeners(name, but):
            if kind == EVENT:
                self._counters.deliveries += len(listeners)
            else:
                self._counters.presence_deliveries += len(listeners)
            self._deliver(Send(listeners, frames.member_removed(name, frame) if kind == REMOVED else frame))
        return True


def packed(kind: str, but: str, frame: str) -> str:
    """Return what is published: what it is, which socket does not get it, and the frame."""
    return f"{kind} {but}\n{frame}"
