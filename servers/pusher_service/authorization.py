"""Who may subscribe to what, and who may sign in: by each request's signature and limits.

Teaches that a push service admits clients without a request to the API: the API's decision is in the signature.
"""

from collections.abc import Collection

import msgspec

from servers.pusher_service import frames
from servers.pusher_service.channels import Kind, Member, Subscription, kind_of
from servers.pusher_service.errors import RequestDenied
from servers.pusher_service.limits import Limits
from servers.pusher_service.signatures import Credentials, channel_auth, is_same, user_auth


class Authorization:
    """The rules for subscribing and signing in."""

    def __init__(self, credentials: Credentials, limits: Limits) -> None:
        self._credentials = credentials
        self._limits = limits

    def check(
        self, socket_id: str, user_id: str | None, channels: Collection[str], request: frames.SubscribeRequest
    ) -> Subscription:
        """Return the subscription that a connection requests, which has `channels` already. Raises RequestDenied.

        user_id: as whom it has signed in.
        """
        name, channels_max = request.channel, self._limits.subscriptions_per_connection_max
        kind = kind_of(name, self._limits.channel_name_chars_max)
        if name in channels:
            raise RequestDenied(f"Existing subscription to channel {name}")
        if len(channels) >= channels_max:
            raise RequestDenied(f"at most {channels_max} channels per connection")
        if kind is Kind.USER and name != f"{Kind.USER.value}{user_id or ''}":
            raise RequestDenied(f"channel {name} is for the user of that id: sign in as that user first")
        if kind in (Kind.PRIVATE, Kind.PRESENCE):
            self._check_signature(socket_id, kind, request)
        return Subscription(socket_id, name, kind, self._member(request) if kind is Kind.PRESENCE else None)

    def sign_in(self, socket_id: str, request: frames.SignInRequest) -> frames.UserData:
        """Return the user whom a connection may sign in as. Raises RequestDenied."""
        if not is_same(user_auth(self._credentials, socket_id, request.user_data), request.auth):
            raise RequestDenied(f"auth for the sign-in does not match socket {socket_id} and user_data")
        user = frames.decode(request.user_data, frames.UserData)
        if not 0 < len(user.id) <= self._limits.user_id_chars_max:
            raise RequestDenied(f"expected an id of 1 to {self._limits.user_id_chars_max} characters in user_data")
        return user

    def _check_signature(self, socket_id: str, kind: Kind, request: frames.SubscribeRequest) -> None:
        name = request.channel
        if kind is Kind.PRESENCE and request.channel_data is None:
            raise RequestDenied(f"presence channel {name} needs channel_data")
        channel_data = request.channel_data if kind is Kind.PRESENCE else None
        if not is_same(channel_auth(self._credentials, socket_id, name, channel_data), request.auth or ""):
            raise RequestDenied(f"auth for channel {name} does not match socket {socket_id}, channel and channel_data")

    def _member(self, request: frames.SubscribeRequest) -> Member:
        """Decode the member of a presence channel, whose signature has been verified. Raises RequestDenied."""
        claimed = frames.decode(request.channel_data or "", frames.ChannelData)
        user_id, info = str(claimed.user_id), bytes(claimed.user_info)
        if not 0 < len(user_id) <= self._limits.user_id_chars_max:
            raise RequestDenied(f"expected a user_id of 1 to {self._limits.user_id_chars_max} characters")
        if len(info) > self._limits.user_info_bytes_max:
            raise RequestDenied(f"expected user_info of at most {self._limits.user_info_bytes_max} bytes")
        return Member(user_id, msgspec.Raw(info))  # a copy, since `claimed.user_info` keeps its whole frame in memory
