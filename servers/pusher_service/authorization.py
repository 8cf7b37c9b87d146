"""Who may publish, subscribe and sign in: the signatures of a Pusher-compatible service, and the limits of requests.

Teaches how three parties trust each other with one shared secret. The API signs its HTTP calls. For each private
channel it also gives the browser a signature over the socket's id: that carries the API's decision, so the service
admits a client without a request to the API. What crosses the wire: hex HMAC-SHA256 digests and the public key. Leaves
out replay protection within the time window (the vendor has none either).
"""

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from servers.pusher_service import frames
from servers.pusher_service.channels import Kind, Member, Subscription, kind_of
from servers.pusher_service.errors import ApiError, RequestDenied
from servers.pusher_service.limits import Limits

AUTH_VERSION = "1.0"
TIMESTAMP_WINDOW_S = 600


@dataclass(frozen=True, slots=True)
class Credentials:
    """One application: its id (digits) in API paths, its public key, and the secret both servers share."""

    app_id: str
    key: str
    secret: str = field(repr=False)


def hex_hmac(secret: str, text: str) -> str:
    """Return the lower-case hex HMAC-SHA256 of `text`."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def channel_auth(credentials: Credentials, socket_id: str, channel: str, channel_data: str | None = None) -> str:
    """Return the `key:signature` that admits one socket to one channel, with `channel_data` for presence channels."""
    text = f"{socket_id}:{channel}"
    if channel_data is not None:
        text += f":{channel_data}"
    return f"{credentials.key}:{hex_hmac(credentials.secret, text)}"


def user_auth(credentials: Credentials, socket_id: str, user_data: str) -> str:
    """Return the `key:signature` with which one socket may sign in as a user."""
    return f"{credentials.key}:{hex_hmac(credentials.secret, f'{socket_id}::user::{user_data}')}"


def is_same(expected: str, got: str) -> bool:
    """Compare in constant time, so that the time it takes does not reveal how many digits were right."""
    return hmac.compare_digest(expected.encode(), got.encode())


def string_to_sign(method: str, path: str, params: Sequence[tuple[str, str]]) -> str:
    """Return the text that the signature of an API call covers: method, path, and sorted parameters, not escaped."""
    named = sorted((name.lower(), value) for name, value in params if name.lower() != "auth_signature")
    return "\n".join([method, path, "&".join(f"{name}={value}" for name, value in named)])


def verify_call(
    credentials: Credentials, method: str, path: str, params: Sequence[tuple[str, str]], body: bytes, now_s: float
) -> None:
    """Check an API call; `params` are decoded query parameters, `now_s` is Unix time. Raises ApiError (401)."""
    values = {name.lower(): value for name, value in params}
    if len(values) != len(params):
        raise ApiError(401, "every query parameter may be given once")
    if values.get("auth_key") != credentials.key:
        raise ApiError(401, f"unknown auth_key {values.get('auth_key')!r}")
    if values.get("auth_version") != AUTH_VERSION:
        raise ApiError(401, f"expected auth_version {AUTH_VERSION}, got {values.get('auth_version')!r}")
    expected = hex_hmac(credentials.secret, string_to_sign(method, path, params))
    if not is_same(expected, values.get("auth_signature", "")):
        what_to_do = "check the secret, and that the parameters are the signed ones"
        raise ApiError(401, f"auth_signature does not match: {what_to_do}")
    timestamp = values.get("auth_timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise ApiError(401, f"expected auth_timestamp in whole seconds, got {timestamp[:40]!r}")
    if abs(now_s - int(timestamp)) > TIMESTAMP_WINDOW_S:
        raise ApiError(401, f"auth_timestamp is not within {TIMESTAMP_WINDOW_S} s of the server's time {now_s:.0f}")
    # The digest is signed, so the signature covers the body; libraries send it with an empty body too.
    claimed_md5 = values.get("body_md5")
    if claimed_md5 is None:
        if body:
            raise ApiError(401, "a call with a body must sign its body_md5")
    elif not is_same(hashlib.md5(body, usedforsecurity=False).hexdigest(), claimed_md5):
        raise ApiError(401, "body_md5 does not match the body")


class Authorization:
    """The rules for subscribing and signing in."""

    def __init__(self, credentials: Credentials, limits: Limits) -> None:
        self._credentials = credentials
        self._limits = limits

    def check(
        self, socket_id: str, user_id: str | None, channels: Collection[str], request: frames.SubscribeRequest
    ) -> Subscription:
        """Return the subscription that a connection requests. Raises RequestDenied.

        user_id: the signed-in user, if any. channels: the names of the channels to which it is subscribed already.
        """
        name = request.channel
        channels_max = self._limits.subscriptions_per_connection_max
        kind = kind_of(name, self._limits.channel_name_chars_max)
        if name in channels:
            raise RequestDenied(f"Existing subscription to channel {name}")
        if len(channels) >= channels_max:
            raise RequestDenied(f"at most {channels_max} channels per connection")
        if kind is Kind.USER and name != f"{Kind.USER.value}{user_id or ''}":
            raise RequestDenied(f"channel {name} is for the user of that id: sign in as that user first")
        if kind in (Kind.PRIVATE, Kind.PRESENCE):
            self._check_signature(socket_id, kind, request)
        member = self._member(request) if kind is Kind.PRESENCE else None
        return Subscription(socket_id, name, kind, member)

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
        user_id = str(claimed.user_id)
        info = bytes(claimed.user_info)
        if not 0 < len(user_id) <= self._limits.user_id_chars_max:
            raise RequestDenied(f"expected a user_id of 1 to {self._limits.user_id_chars_max} characters")
        if len(info) > self._limits.user_info_bytes_max:
            raise RequestDenied(f"expected user_info of at most {self._limits.user_info_bytes_max} bytes")
        return Member(user_id, msgspec.Raw(info))  # a copy, since `claimed.user_info` keeps its whole frame in memory
