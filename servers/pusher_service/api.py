"""The HTTP API without HTTP: a verified call goes in; out come the JSON to answer and the frames to send.

Teaches how one publish becomes a fan-out: check it, build the frame once, and name everybody who gets it.
What crosses the wire: `name`, `channels` and `data` on the way in, and mostly `{}` on the way back.
Leaves out the vendor's call to end a user's connections, and the cache attribute: nothing here has either.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from servers.pusher_service import frames
from servers.pusher_service.answers import Answer, Send
from servers.pusher_service.channels import BadName, Channel, Kind, kind_of
from servers.pusher_service.limits import Settings
from servers.pusher_service.protocol import Relay

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
    """The calls of one application's HTTP API; every method raises ApiError."""

    def __init__(self, relay: Relay, settings: Settings) -> None:
        self._relay = relay
        self._settings = settings

    def publish(self, body: bytes) -> tuple[Json, list[Answer]]:
        """Send one event to up to 100 channels; answers the attributes asked for with `info`, per channel."""
        event = _decoded(body, Event)
        channels = self._checked(event)
        sends = self._fan_out(event, channels)
        if not event.info:
            return {}, sends
        return {"channels": {name: self._attributes(name, _attributes_asked(event.info)) for name in channels}}, sends

    def publish_batch(self, body: bytes) -> tuple[Json, list[Answer]]:
        """Send up to 10 events in order, all or none; answers a list of attributes if any event asked for some."""
        events = _decoded(body, Batch).batch
        if len(events) > self._settings.batch_max:
            raise ApiError(400, f"expected at most {self._settings.batch_max} events in a batch, got {len(events)}")
        if any(event.channels is not None for event in events):
            raise ApiError(400, "an event in a batch names one channel, not channels")
        targets = [self._checked(event) for event in events]
        sends = [send for event, names in zip(events, targets, strict=True) for send in self._fan_out(event, names)]
        if not any(event.info for event in events):
            return {}, sends
        batch = [
            self._attributes(names[0], _attributes_asked(event.info))
            for event, names in zip(events, targets, strict=True)
        ]
        return {"batch": batch}, sends

    def list_channels(self, params: Mapping[str, str]) -> Json:
        """Answer the occupied channels, and for presence channels their user_count if asked."""
        prefix = params.get("filter_by_prefix", "")
        asked = _attributes_asked(params.get("info", ""), frozenset({USER_COUNT}))
        if asked and not prefix.startswith("presence-"):
            raise ApiError(400, "user_count needs filter_by_prefix=presence-")
        self._relay.counters.api_queries += 1
        occupied = self._relay.channels.starting_with(prefix)
        return {"channels": {name: _measured(channel, asked) for name, channel in occupied}}

    def describe_channel(self, name: str, params: Mapping[str, str]) -> Json:
        """Answer whether the channel is occupied, and its counts if asked."""
        kind = self._kind(name)
        asked = _attributes_asked(params.get("info", ""))
        if USER_COUNT in asked and kind is not Kind.PRESENCE:
            raise ApiError(400, f"user_count is for presence channels, and {name} is not one")
        self._relay.counters.api_queries += 1
        return {"occupied": self._relay.channels.find(name) is not None, **self._attributes(name, asked)}

    def list_users(self, name: str) -> Json:
        """Answer the ids of the users present."""
        if self._kind(name) is not Kind.PRESENCE:
            raise ApiError(400, f"users are known on presence channels only, and {name} is not one")
        self._relay.counters.api_queries += 1
        channel = self._relay.channels.find(name)
        return {"users": [{"id": user_id} for user_id in channel.members] if channel else []}

    def _fan_out(self, event: Event, channels: list[str]) -> list[Answer]:
        sends: list[Answer] = []
        for name in channels:
            listeners = self._relay.channels.listeners(name, but=event.socket_id)
            self._relay.counters.events_published += 1
            self._relay.counters.deliveries += len(listeners)
            if listeners:
                sends.append(Send(listeners, frames.event(event.name, name, event.data)))
        return sends

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

    def _attributes(self, name: str, asked: frozenset[str]) -> Json:
        channel = self._relay.channels.find(name)
        return _measured(channel or Channel(self._kind(name)), asked)


def _measured(channel: Channel, asked: frozenset[str]) -> Json:
    counts: Json = {}
    if USER_COUNT in asked and channel.kind is Kind.PRESENCE:
        counts[USER_COUNT] = len(channel.members)
    if SUBSCRIPTION_COUNT in asked:
        counts[SUBSCRIPTION_COUNT] = len(channel.subscribers)
    return counts


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
