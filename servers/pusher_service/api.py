"""The HTTP API without HTTP: a verified call goes in; its events go to the broker, and its JSON response comes out.

Teaches how one publish becomes a fan-out: check it, encode each channel's frame once, and pass it to the broker.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from servers.pusher_service import frames
from servers.pusher_service.broker import Broker
from servers.pusher_service.channels import CACHED, Kind, kind_of
from servers.pusher_service.errors import ApiError
from servers.pusher_service.limits import Limits, Quota

SOCKET_ID = re.compile(r"\d+\.\d+")
USER_COUNT = "user_count"
SUBSCRIPTION_COUNT = "subscription_count"
CACHE = "cache"

Json = dict[str, Any]


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
    """The calls of one application's HTTP API; every method raises ApiError.

    terminate: closes the connections of a user who has signed in.
    """

    def __init__(self, broker: Broker, limits: Limits, quota: Quota, terminate: Callable[[str], None]) -> None:
        self._broker = broker
        self._limits = limits
        self._quota = quota
        self._terminate = terminate

    def publish(self, body: bytes) -> Json:
        """Send one event to up to 100 channels; return the attributes that `info` requests, per channel."""
        self._check_quota()
        event = frames.decode(body, Event)
        names = self._checked_channels(event)
        for name in names:
            self._publish(event, name)
        if not event.info:
            return {}
        return {"channels": {name: self._attributes(name, event.info) for name in names}}

    def publish_batch(self, body: bytes) -> Json:
        """Send up to 10 events in order, all or none; return a list of attributes if any event requests some."""
        self._check_quota()
        events = frames.decode(body, Batch).batch
        if len(events) > self._limits.batch_max:
            raise ApiError(400, f"expected at most {self._limits.batch_max} events in a batch, got {len(events)}")
        if any(event.channels is not None for event in events):
            raise ApiError(400, "an event in a batch names one channel, not channels")
        names = [name for event in events for name in self._checked_channels(event)]
        for event, name in zip(events, names, strict=True):
            self._publish(event, name)
        if not any(event.info for event in events):
            return {}
        return {"batch": [self._attributes(name, event.info) for event, name in zip(events, names, strict=True)]}

    def list_channels(self, params: Mapping[str, str]) -> Json:
        """Return the occupied channels, and for presence channels their user_count if requested."""
        prefix = params.get("filter_by_prefix", "")
        info = params.get("info", "")
        if _requested(info, frozenset({USER_COUNT})) and not prefix.startswith("presence-"):
            raise ApiError(400, "user_count needs filter_by_prefix=presence-")
        self._broker.counters.api_queries += 1
        return {"channels": {name: self._attributes(name, info) for name in self._broker.occupied(prefix)}}

    def describe_channel(self, name: str, params: Mapping[str, str]) -> Json:
        """Return whether the channel is occupied, and its counts and its cached event if requested."""
        kind = self._kind(name)
        info = params.get("info", "")
        requested = _requested(info, frozenset({USER_COUNT, SUBSCRIPTION_COUNT, CACHE}))
        if USER_COUNT in requested and kind is not Kind.PRESENCE:
            raise ApiError(400, f"user_count is for presence channels, and {name} is not one")
        if CACHE in requested and not name.startswith(CACHED):
            raise ApiError(400, f"cache is for cache channels, and {name} is not one")
        self._broker.counters.api_queries += 1
        return {"occupied": bool(self._broker.channel(name).subscribers), **self._attributes(name, info)}

    def list_users(self, name: str) -> Json:
        """Return the ids of the users present."""
        if self._kind(name) is not Kind.PRESENCE:
            raise ApiError(400, f"users are known on presence channels only, and {name} is not one")
        self._broker.counters.api_queries += 1
        return {"users": [{"id": user_id} for user_id in self._broker.channel(name).members]}

    def terminate_connections(self, user_id: str) -> Json:
        """Close every connection that has signed in as that user."""
        self._broker.counters.api_queries += 1
        self._terminate(user_id)
        return {}

    def _check_quota(self) -> None:
        if self._quota.is_used_up:
            raise ApiError(403, str(self._quota))

    def _publish(self, event: Event, channel: str) -> None:
        self._broker.counters.events_published += 1
        text = frames.event(event.name, channel, event.data)
        if channel.startswith(CACHED):
            self._broker.cache.put(channel, text, event.data)
        self._broker.publish(channel, text, event.socket_id)

    def _checked_channels(self, event: Event) -> list[str]:
        """Return the channels of an event that is within all limits; raises ApiError."""
        limits = self._limits
        if not 0 < len(event.name) <= limits.event_name_chars_max:
            raise ApiError(400, f"expected an event name of 1 to {limits.event_name_chars_max} characters")
        if event.name.startswith(frames.RESERVED_PREFIXES):
            raise ApiError(400, f"event names starting with {' or '.join(frames.RESERVED_PREFIXES)} are reserved")
        single = [event.channel] if event.channel else []
        channels = list(dict.fromkeys(event.channels or single))  # each once, in order
        if not 0 < len(channels) <= limits.channels_per_event_max:
            raise ApiError(400, f"expected 1 to {limits.channels_per_event_max} channels, got {len(channels)}")
        for name in channels:
            self._kind(name)
        if event.socket_id is not None and SOCKET_ID.fullmatch(event.socket_id) is None:
            raise ApiError(400, f"expected a socket_id like 12.34, got {event.socket_id[:40]!r}")
        _requested(event.info)
        data_bytes = len(event.data.encode())
        if data_bytes > limits.data_bytes_max:
            raise ApiError(413, f"expected at most {limits.data_bytes_max} bytes of data, got {data_bytes}")
        return channels

    def _kind(self, name: str) -> Kind:
        return kind_of(name, self._limits.channel_name_chars_max)

    def _attributes(self, name: str, info: str) -> Json:
        """Return the attributes of a channel that a call requests, as far as the channel has them."""
        requested = info.split(",")
        channel = self._broker.channel(name)
        attributes: Json = {}
        if USER_COUNT in requested and self._kind(name) is Kind.PRESENCE:
            attributes[USER_COUNT] = len(channel.members)
        if SUBSCRIPTION_COUNT in requested:
            attributes[SUBSCRIPTION_COUNT] = len(channel.subscribers)
        cached = self._broker.cache.get(name)
        if CACHE in requested and cached:
            event, left_s = cached
            attributes[CACHE] = {"data": event.data, "ttl": int(left_s)}
        return attributes


def _requested(info: str, served: frozenset[str] = frozenset({USER_COUNT, SUBSCRIPTION_COUNT})) -> frozenset[str]:
    """Read a comma-separated `info`; raises ApiError for an attribute that is not served."""
    requested = frozenset(filter(None, info.split(",")))
    if unknown := requested - served:
        raise ApiError(400, f"expected info of {' or '.join(sorted(served))}, got {sorted(unknown)[0][:40]!r}")
    return requested
