"""The broker: all occupied channels, and the fan-out of each event to the sockets subscribed to its channel.

Teaches what a fan-out costs: one frame, one loop over the subscribers. On a presence channel, a newcomer gets the list
of members, and the others get a notice: once per user, however many windows that user has open. Leaves out the sockets
(`deliver` gets their frames, and never waits) and webhooks (`note` gets their events).
"""

from collections.abc import Callable
from dataclasses import dataclass

from servers.pusher_service import frames
from servers.pusher_service.channels import CACHED, Channel, EventCache, Kind, Subscription
from servers.pusher_service.errors import RequestDenied
from servers.pusher_service.limits import Counters, Limits


@dataclass(frozen=True, slots=True)
class Send:
    """One frame for several sockets: encoded once, however many they are."""

    to: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """End one connection; codes from 4200 on ask the client to reconnect at once."""

    socket_id: str
    code: int
    reason: str


Deliver = Callable[[Send | Close], None]
Note = Callable[[dict[str, str]], None]  # takes an event of a webhook: its `name`, its `channel` and further fields


class Broker:
    """The channels of one application. subscriptions: how many all its connections hold together.

    note: called with each event that a webhook would report; it may be replaced.
    """

    def __init__(self, deliver: Deliver, counters: Counters, limits: Limits, cache: EventCache) -> None:
        self.deliver = deliver
        self.counters = counters
        self.note: Note = lambda _: None
        self.cache = cache
        self.subscriptions = 0
        self._limits = limits
        self._channels: dict[str, Channel] = {}

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscriber: first its confirmation, then the notice to the others. Raises RequestDenied if full."""
        name = subscription.channel
        member = subscription.member
        limits = self._limits
        channel = self.channel(name)
        if member and member.user_id not in channel.members and len(channel.members) >= limits.members_max:
            raise RequestDenied(f"channel {name} has {limits.members_max} members and takes no more")
        if self.subscriptions >= limits.subscriptions_max:
            raise RequestDenied(f"all {limits.subscriptions_max} subscriptions are in use")
        if name not in self._channels:
            self._channels[name] = channel
            self._note_channel("channel_occupied", name)
        self.subscriptions += 1
        socket_id = subscription.socket_id
        is_new = channel.add(socket_id, member)
        members = None if member is None else {user_id: known.info for user_id, known in channel.members.items()}
        self.deliver(Send((socket_id,), frames.subscription_succeeded(name, members)))
        if member is not None and is_new:
            self.note({"name": "member_added", "channel": name, "user_id": member.user_id})
            self._notify(name, frames.member_added(name, member.user_id, member.info), excluded=socket_id)
        if name.startswith(CACHED):
            self._replay(name, socket_id)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription, with the notice that follows; forget the channel if it was the last."""
        name = subscription.channel
        channel = self._channels[name]
        departed = channel.remove(subscription.socket_id)
        self.subscriptions -= 1
        if departed is not None:
            self.note({"name": "member_removed", "channel": name, "user_id": departed})
            self._notify(name, frames.member_removed(name, departed))
        if not channel.subscribers:
            del self._channels[name]
            self._note_channel("channel_vacated", name)

    def publish(self, channel: str, text: str, excluded: str | None) -> None:
        """Deliver an event's frame to the channel's subscribers, except one socket."""
        self.counters.deliveries += self._fan_out(channel, text, excluded)

    def channel(self, name: str) -> Channel:
        """Return a channel, which is empty if nobody is subscribed."""
        return self._channels.get(name) or Channel()

    def occupied(self, prefix: str) -> list[str]:
        """Return the names of the occupied channels that start with `prefix`, without the channels of single users."""
        return [name for name in self._channels if name.startswith(prefix) and not name.startswith(Kind.USER.value)]

    def _note_channel(self, what: str, name: str) -> None:
        if not name.startswith(Kind.USER.value):
            self.note({"name": what, "channel": name})

    def _replay(self, name: str, socket_id: str) -> None:
        """Send a newcomer the last event of a cache channel, or a notice that there is none."""
        cached = self.cache.get(name)
        if cached:
            event, _ = cached
            self.counters.deliveries += 1
            self.deliver(Send((socket_id,), event.text))
        else:
            self.note({"name": "cache_miss", "channel": name})
            self.deliver(Send((socket_id,), frames.event("pusher:cache_miss", name, "{}")))

    def _notify(self, channel: str, text: str, excluded: str | None = None) -> None:
        self.counters.presence_deliveries += self._fan_out(channel, text, excluded)

    def _fan_out(self, name: str, text: str, excluded: str | None) -> int:
        """Deliver a frame to the channel's subscribers; return their number."""
        subscribers = self.channel(name).subscribers
        receivers = tuple(subscribers)
        if excluded in subscribers:
            receivers = tuple(socket_id for socket_id in receivers if socket_id != excluded)
        if receivers:
            self.deliver(Send(receivers, text))
        return len(receivers)
