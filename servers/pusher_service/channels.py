"""Channels: which sockets are subscribed, which users are present, and the last event of cache channels. Without I/O.

Teaches that presence counts users, not sockets: opening or closing a second window changes nothing. A name's prefix
says what a channel is: who may subscribe, and whether its last event is kept for newcomers (a cache channel). Such a
cache is a convenience and not a log: it holds one event, for half an hour, in this process only
(https://pusher.com/docs/channels/using_channels/cache-channels/). An encrypted channel is a private one whose events
the service cannot read.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import msgspec

from servers.pusher_service.errors import RequestDenied

NAME = re.compile(r"[A-Za-z0-9_\-=@,.;]+")
ENCRYPTED = "private-encrypted-"
CACHED = ("cache-", "private-cache-", "private-encrypted-cache-", "presence-cache-")


class Kind(Enum):
    """What a subscription requires: nothing, a signature, one that names the user, or to have signed in as that user.

    The values are the prefixes of names.
    """

    PUBLIC = ""
    PRIVATE = "private-"
    PRESENCE = "presence-"
    USER = "#server-to-user-"


def kind_of(name: str, chars_max: int) -> Kind:
    """Return the kind that the name's prefix requests; raises RequestDenied."""
    if len(name) <= chars_max and name.startswith(Kind.USER.value) and name != Kind.USER.value:
        return Kind.USER
    if len(name) > chars_max or NAME.fullmatch(name) is None:
        raise RequestDenied(f"channel {name[:40]!r}: expected 1 to {chars_max} of A-Z a-z 0-9 _ - = @ , . ;")
    return next((kind for kind in (Kind.PRIVATE, Kind.PRESENCE) if name.startswith(kind.value)), Kind.PUBLIC)


@dataclass(frozen=True, slots=True)
class Member:
    """One user of a presence channel, as signed by the API; `info` is any JSON, unread."""

    user_id: str
    info: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Subscription:
    """One socket's subscription to one channel; on a presence channel, it is a member's."""

    socket_id: str
    channel: str
    kind: Kind
    member: Member | None


@dataclass(slots=True)
class Channel:
    """One occupied channel: its sockets in the order they came, and the members of a presence channel."""

    subscribers: dict[str, Member | None] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    sockets_of_member: Counter[str] = field(default_factory=Counter)

    def add(self, socket_id: str, member: Member | None) -> bool:
        """Add a socket; return whether its user was not present before."""
        self.subscribers[socket_id] = member
        if member is None:
            return False
        self.members.setdefault(member.user_id, member)
        self.sockets_of_member[member.user_id] += 1
        return self.sockets_of_member[member.user_id] == 1

    def remove(self, socket_id: str) -> str | None:
        """Remove a socket; return the id of its user if that user is no longer present."""
        member = self.subscribers.pop(socket_id)
        if member is None:
            return None
        self.sockets_of_member[member.user_id] -= 1
        if self.sockets_of_member[member.user_id]:
            return None
        del self.sockets_of_member[member.user_id], self.members[member.user_id]
        return member.user_id


TTL_S = 1800.0
BYTES_MAX = 16 * 1024 * 1024
ENTRY_BYTES = 500  # about how much memory an event takes beside its text


@dataclass(frozen=True, slots=True)
class CachedEvent:
    """An event's frame, its data, and until when it is kept on the cache's clock."""

    text: str
    data: str
    until_s: float

    @property
    def size(self) -> int:
        """About how many bytes of memory this takes; a character takes at most four."""
        return ENTRY_BYTES + 4 * (len(self.text) + len(self.data))


class EventCache:
    """One event for each channel, for TTL_S; the oldest go when BYTES_MAX are full."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._events: dict[str, CachedEvent] = {}  # the oldest first
        self._bytes = 0

    def put(self, channel: str, text: str, data: str) -> None:
        """Keep an event in place of the last one of its channel."""
        self._remove(channel)
        event = CachedEvent(text, data, self._clock() + TTL_S)
        self._events[channel] = event
        self._bytes += event.size
        while self._bytes > BYTES_MAX:
            self._remove(next(iter(self._events)))

    def get(self, channel: str) -> tuple[CachedEvent, float] | None:
        """Return a channel's event and for how many seconds it is still kept, if there is one."""
        event = self._events.get(channel)
        if event is None or event.until_s <= self._clock():
            return None
        return event, event.until_s - self._clock()

    def _remove(self, channel: str) -> None:
        if event := self._events.pop(channel, None):
            self._bytes -= event.size
