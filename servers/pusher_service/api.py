"""The HTTP API without HTTP: a verified call goes in; its events go to the exchange, and out comes the JSON to answer.

Teaches how one publish becomes a fan-out: check it, build each channel's frame once, and hand it to whoever knows who
listens. Waits only where the exchange does.
What crosses the wire: `name`, `channels` and `data` on the way in, and mostly `{}` on the way back.
Leaves out the vendor's call to end a user's connections, and the cache attribute: nothing here has either.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from servers.pusher_service import frames
from servers.pusher_service.answers import Counters
from servers.pusher_service.channels import BadName, Kind, kind_of
from servers.pusher_service.exchange import Counts, Exchange, Publish
from servers.pusher_service.limits import Settings

SOCKET_ID = re.compile(r"\d+\.\d+")
USER_COUNT = "user_count"
SUBSCRIPTION_COUNT = "subscription_count"

Json = dict[str, Any]


class ApiError(Exception):
    """A call that is refused, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Event(msgspec.Struct, frozen=True):
    """The body of `POST events`, and one element of a batch, which names one `channel`."""

    name: str
    data: str
    channels: list[str] | None = None
    channel: str | None = None
    socket_id: str | None = None
    info: str = ""


class Batch(msgspec.Struct, frozen=True):
    """The body of `POST batch_events`."""

    batch: list[Event]


class Api:
    """The calls of one application's HTTP API; every method raises ApiError, and Unreachable as the exchange does."""

    def __init__(self, exchange: Exchange, settings: Settings, counters: Counters) -> None:
        self._exchange = exchange
        self._settings = settings
        self._counters = counters

    async def publish(self, body: bytes) -> Json:
        """Send one event to up to 100 channels; answers the attributes asked for with `info`, per channel."""
        event = _decoded(body, Event)
        names = self._checked(event)
        await self._send((event, name) for name in names)
        if not event.info:
            return {}
        asked, counts = _attributes_asked(event.info), await self._exchange.counts(names)
        return {"channels": {name: self._told(name, asked, has) for name, has in zip(names, counts, strict=True)}}

    async def publish_batch(self, body: bytes) -> Json:
        """Send up to 10 events in order, all or none; answers a list of attributes if any event asked for some."""
        events = _decoded(body, Batch).batch
        if len(events) > self._settings.batch_max:
            raise ApiError(400, f"expected at most {self._settings.batch_max} events in a batch, got {len(events)}")
        if any(event.channels is not None for event in events):
            raise ApiError(400, "an event in a batch names one channel, not channels")
        names = [name for event in events for name in self._checked(event)]
        await self._send(zip(events, names, strict=True))
        if not any(event.info for event in events):
            return {}
        counts = await self._exchange.counts(names)
        told = [
            self._told(name, _attributes_asked(event.info), has)
            for event, name, has in zip(events, names, counts, strict=True)
        ]
        return {"batch": told}

    async def list_channels(self, params: Mapping[str, str]) -> Json:
        """Answer the occupied channels, and for presence channels their user_count if asked."""
        prefix = params.get("filter_by_prefix", "")
        asked = _attributes_asked(params.get("info", ""), frozenset({USER_COUNT}))
        if asked and not prefix.startswith("presence-"):
            raise ApiError(400, "user_count needs filter_by_prefix=presence-")
        self._counters.api_queries += 1
        occupied = await self._exchange.occupied(prefix)
        return {"channels": {name: self._told(name, asked, has) for name, has in occupied.items()}}

    async def describe_channel(self, name: str, params: Mapping[str, str]) -> Json:
        """Answer whether the channel is occupied, and its counts if asked."""
        kind = self._kind(name)
        asked = _attributes_asked(params.get("info", ""))
        if USER_COUNT in asked and kind is not Kind.PRESENCE:
            raise ApiError(400, f"user_count is for presence channels, and {name} is not one")
        self._counters.api_queries += 1
        (has,) = await self._exchange.counts([name])
        return {"occupied": has.subscriptions > 0, **self._told(name, asked, has)}

    async def list_users(self, name: str) -> Json:
        """Answer the ids of the users present."""
        if self._kind(name) is not Kind.PRESENCE:
            raise ApiError(400, f"users are known on presence channels only, and {name} is not one")
        self._counters.api_queries += 1
        return {"users": [{"id": user_id} for user_id in await self._exchange.users(name)]}

    async def _send(self, addressed: Iterable[tuple[Event, str]]) -> None:
        events = [
            Publish(name, frames.event(event.name, name, event.data), event.socket_id) for event, name in addressed
        ]
        self._counters.events_published += len(events)
        await self._exchange.publish(events)

    def _checked(self, event: Event) -> list[str]:
        """Return the channels of an event that is within all limits; raises ApiError."""
        if not 0 < len(event.name) <= self._settings.event_name_chars_max:
            raise ApiError(400, f"expected an event name of 1 to {self._settings.event_name_chars_max} characters")
        if event.name.startswith(frames.RESERVED_PREFIXES):
            raise ApiError(400, f"event names starting with {' or '.join(frames.RESERVED_PREFIXES)} are reserved")
        channels = list(dict.fromkeys(event.channels or ([event.channel] if event.channel else [])))
        if not 0 < len(channels) <= self._settings.channels_per_event_max:
            raise ApiError(400, f"expected 1 to {self._settings.channels_per_event_max} channels, got {len(channels)}")
        for name in channels:
            self._kind(name)
        if event.socket_id is not None and SOCKET_ID.fullmatch(event.socket_id) is None:
            raise ApiError(400, f"expected a socket_id like 12.34, got {event.socket_id[:40]!r}")
        _attributes_asked(event.info)
        if (data_bytes := len(event.data.encode())) > self._settings.data_bytes_max:
            raise ApiError(413, f"expected at most {self._settings.data_bytes_max} bytes of data, got {data_bytes}")
        return channels

    def _kind(self, name: str) -> Kind:
        try:
            return kind_of(name, self._settings.channel_name_chars_max)
        except BadName as error:
            raise ApiError(400, str(error)) from error

    def _told(self, name: str, asked: frozenset[str], has: Counts) -> Json:
        told: Json = {}
        if USER_COUNT in asked and self._kind(name) is Kind.PRESENCE:
            told[USER_COUNT] = has.users
        if SUBSCRIPTION_COUNT in asked:
            told[SUBSCRIPTION_COUNT] = has.subscriptions
        return told


def _attributes_asked(
    info: str, served: frozenset[str] = frozenset({USER_COUNT, SUBSCRIPTION_COUNT})
) -> frozenset[str]:
    """Read a comma-separated `info`; raises ApiError for an attribute that is not served."""
    asked = frozenset(filter(None, info.split(",")))
    if unknown := asked - served:
        raise ApiError(400, f"expected info of {' or '.join(sorted(served))}, got {sorted(unknown)[0][:40]!r}")
    return asked


def _decoded(body: bytes, expected: type[frames.T]) -> frames.T:
    try:
        return frames.decode(body, expected)
    except frames.Malformed as error:
        raise ApiError(400, f"malformed body: {error}") from error
