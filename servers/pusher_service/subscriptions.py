"""Who may listen to what: subscriptions with their signatures, and the presence notices that follow from them.

Teaches the order of a presence channel: the newcomer gets the whole list, itself included; everybody else gets one
notice; and both happen once per user, however many windows that user has open.
What crosses the wire: `subscription_succeeded`, `member_added`, `member_removed`, all spelled `pusher_internal:`.
Leaves out the transport: sockets are ids here.
"""

from collections.abc import Mapping, MutableMapping

import msgspec

from servers.pusher_service import frames
from servers.pusher_service.answers import Answer, Counters, Denied, Send
from servers.pusher_service.channels import Channel, Channels, Kind, Member, kind_of
from servers.pusher_service.limits import Settings
from servers.pusher_service.signatures import Credentials, channel_auth, same


class Subscriptions:
    """The rules for joining and leaving channels; a connection's own subscriptions are a mapping name -> kind."""

    def __init__(self, credentials: Credentials, settings: Settings, channels: Channels, counters: Counters) -> None:
        self._credentials = credentials
        self._settings = settings
        self._channels = channels
        self._counters = counters

    def join(self, socket_id: str, held: MutableMapping[str, Kind], asked: frames.Subscription) -> list[Answer]:
        """Subscribe a connection. Raises BadName, Malformed, and Denied when a signature or a limit says no."""
        name = asked.channel
        kind = kind_of(name, self._settings.channel_name_chars_max)
        if name in held:
            raise Denied(f"Existing subscription to channel {name}")
        if len(held) >= self._settings.subscriptions_per_connection_max:
            raise Denied(f"at most {self._settings.subscriptions_per_connection_max} channels per connection")
        if kind is not Kind.PUBLIC:
            self._check_signature(socket_id, kind, asked)
        member = self._member(asked) if kind is Kind.PRESENCE else None
        channel = self._channels.opened(name, kind)
        arrived = channel.join(socket_id, member)
        held[name] = kind
        return self._welcome(socket_id, name, channel, member if arrived else None)

    def leave(self, socket_id: str, name: str) -> list[Answer]:
        """Drop a subscription that the connection holds; answers the notice to the others, if there is one."""
        channel = self._channels.find(name)
        assert channel is not None, f"a subscription to {name} without its channel"
        gone = channel.leave(socket_id)
        self._channels.drop_if_empty(name)
        return [] if gone is None else self._notice(name, "pusher_internal:member_removed", {"user_id": gone})

    def _welcome(self, socket_id: str, name: str, channel: Channel, newcomer: Member | None) -> list[Answer]:
        roster = channel.roster() if channel.kind is Kind.PRESENCE else {}
        success = frames.event("pusher_internal:subscription_succeeded", name, frames.as_json(roster))
        answers: list[Answer] = [Send((socket_id,), success)]
        if newcomer is not None:
            added = {"user_id": newcomer.user_id, "user_info": newcomer.info}
            answers += self._notice(name, "pusher_internal:member_added", added, but=socket_id)
        return answers

    def _notice(self, name: str, event: str, data: Mapping[str, object], but: str | None = None) -> list[Answer]:
        listeners = self._channels.listeners(name, but)
        self._counters.presence_deliveries += len(listeners)
        return [Send(listeners, frames.event(event, name, frames.as_json(data)))] if listeners else []

    def _check_signature(self, socket_id: str, kind: Kind, asked: frames.Subscription) -> None:
        if kind is Kind.PRESENCE and asked.channel_data is None:
            raise Denied(f"presence channel {asked.channel} needs channel_data")
        channel_data = asked.channel_data if kind is Kind.PRESENCE else None
        if not same(channel_auth(self._credentials, socket_id, asked.channel, channel_data), asked.auth):
            raise Denied(
                f"auth for channel {asked.channel} does not match socket {socket_id}, channel and channel_data"
            )

    def _member(self, asked: frames.Subscription) -> Member:
        """Read who joins; the signature was checked, so this is the API's word. Raises Malformed, Denied."""
        claimed = frames.decode(asked.channel_data or "", frames.ChannelData)
        user_id = str(claimed.user_id)
        if not 0 < len(user_id) <= self._settings.user_id_chars_max:
            raise Denied(f"expected a user_id of 1 to {self._settings.user_id_chars_max} characters")
        if len(bytes(claimed.user_info)) > self._settings.user_info_bytes_max:
            raise Denied(f"expected user_info of at most {self._settings.user_info_bytes_max} bytes")
        present = self._channels.find(asked.channel)
        if present and user_id not in present.members and len(present.members) >= self._settings.members_max:
            raise Denied(f"channel {asked.channel} has {self._settings.members_max} members and takes no more")
        # A copy, since the raw JSON would otherwise keep the whole frame it came in alive.
        return Member(user_id, msgspec.Raw(bytes(claimed.user_info)))
