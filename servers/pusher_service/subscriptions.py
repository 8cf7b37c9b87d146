"""Who may listen to what: each subscription's signature and limits are checked here, before it becomes an act.

Teaches that a push service lets clients in without asking anybody: the API's word is in the signature.
What crosses the wire comes in as `frames.Subscription`. Leaves out what a channel does with those it admits: that is
an exchange's.
"""

from collections.abc import Collection

import msgspec

from servers.pusher_service import frames
from servers.pusher_service.answers import Denied
from servers.pusher_service.channels import Kind, Member, kind_of
from servers.pusher_service.exchange import Join, Seat
from servers.pusher_service.limits import Settings
from servers.pusher_service.signatures import Credentials, channel_auth, same


class Subscriptions:
    """The rules for joining channels."""

    def __init__(self, credentials: Credentials, settings: Settings) -> None:
        self._credentials = credentials
        self._settings = settings

    def admit(self, socket_id: str, held: Collection[str], asked: frames.Subscription) -> Join:
        """Return the join that a connection with these channels asks for. Raises BadName, Malformed, Denied."""
        name = asked.channel
        kind = kind_of(name, self._settings.channel_name_chars_max)
        if name in held:
            raise Denied(f"Existing subscription to channel {name}")
        if len(held) >= self._settings.subscriptions_per_connection_max:
            raise Denied(f"at most {self._settings.subscriptions_per_connection_max} channels per connection")
        if kind is not Kind.PUBLIC:
            self._check_signature(socket_id, kind, asked)
        member = self._member(asked) if kind is Kind.PRESENCE else None
        return Join(Seat(socket_id, name, kind, member.user_id if member else None), member)

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
        # A copy, since the raw JSON would otherwise keep the whole frame it came in alive.
        return Member(user_id, msgspec.Raw(bytes(claimed.user_info)))
