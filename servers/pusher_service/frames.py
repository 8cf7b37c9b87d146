"""The frames of protocol 7: the structure of a client's frame, and the text of each frame that the service sends.

Teaches the envelope `{event, channel, data}`, whose `data` is a string that holds JSON, so that a service can forward
it without reading it. A received frame is a msgspec Struct: a dataclass with a default cannot hold raw JSON.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from servers.pusher_service.errors import RequestDenied

SUBSCRIBE = "pusher:subscribe"
UNSUBSCRIBE = "pusher:unsubscribe"
SIGN_IN = "pusher:signin"
PING = "pusher:ping"
PONG = "pusher:pong"
CLIENT_EVENT_PREFIX = "client-"
RESERVED_PREFIXES = ("pusher:", "pusher_internal:")

UNKNOWN_KEY = 4001
OVER_QUOTA = 4004
BAD_VERSION = 4006
UNSUPPORTED_PROTOCOL = 4007
NO_PROTOCOL = 4008
UNAUTHORIZED = 4009
OVER_CAPACITY = 4100
RECONNECT = 4200
NO_PONG = 4201
CLIENT_EVENT_RATE = 4301

T = TypeVar("T")


class Frame(msgspec.Struct, frozen=True):
    """What a client sent; its data stays unread JSON until it is needed."""

    event: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    channel: str | None = None


class SubscribeRequest(msgspec.Struct, frozen=True):
    """The data of a `pusher:subscribe`, and of a `pusher:unsubscribe`, which has the channel only.

    `channel_data` is kept as the exact string that was signed.
    """

    channel: str
    auth: str | None = None
    channel_data: str | None = None


class SignInRequest(msgspec.Struct, frozen=True):
    """The data of a `pusher:signin`; `user_data` is kept as the exact string that was signed."""

    auth: str
    user_data: str


class UserData(msgspec.Struct, frozen=True):
    """Who signs in. The response to a watchlist is an error: it is not served."""

    id: str
    watchlist: list[str] | None = None


class ChannelData(msgspec.Struct, frozen=True):
    """Who joins a presence channel. Some libraries pass numbers as ids; on the wire back they are strings."""

    user_id: str | int
    user_info: msgspec.Raw = msgspec.Raw(b"null")


def decode(text: str | bytes | msgspec.Raw, expected: type[T]) -> T:
    """Read JSON as a value of that class; raises RequestDenied."""
    try:
        return msgspec.json.decode(text, type=expected)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RequestDenied(f"malformed JSON: {error}") from error


def text_of(data: msgspec.Raw) -> str:
    """Return a frame's data as text: the content of a JSON string, or other JSON as it is; raises RequestDenied."""
    if bytes(data).startswith(b'"'):
        return decode(data, str)
    return bytes(data).decode()


def as_json(value: Any) -> str:
    """Return compact JSON."""
    return msgspec.json.encode(value).decode()


def event(name: str, channel: str, data: str, user_id: str | None = None) -> str:
    """Return the frame of one channel event, whose data is already text."""
    envelope = {"event": name, "channel": channel, "data": data}
    if user_id is not None:
        envelope["user_id"] = user_id
    return as_json(envelope)


def subscription_succeeded(channel: str, members: Mapping[str, msgspec.Raw] | None) -> str:
    """Return the confirmation of a subscription; on a presence channel with its members, the newcomer included."""
    data = {} if members is None else {"presence": {"ids": list(members), "hash": members, "count": len(members)}}
    return event("pusher_internal:subscription_succeeded", channel, as_json(data))


def member_added(channel: str, user_id: str, info: msgspec.Raw) -> str:
    """Return the notice that a user came."""
    return event("pusher_internal:member_added", channel, as_json({"user_id": user_id, "user_info": info}))


def member_removed(channel: str, user_id: str) -> str:
    """Return the notice that a user's last subscription is gone."""
    return event("pusher_internal:member_removed", channel, as_json({"user_id": user_id}))


def connection_event(name: str, data: Any) -> str:
    """Return a frame about the connection itself, which names no channel."""
    return as_json({"event": name, "data": as_json(data)})


def error(code: int | None, message: str) -> str:
    """Return a `pusher:error`; its data is an object; code: None if the protocol has no number for the error."""
    return as_json({"event": "pusher:error", "data": {"code": code, "message": message}})
