"""Channels: who listens where, and who counts as present. Pure bookkeeping, without I/O.

Teaches that a channel costs nothing until somebody listens: the first subscription creates it, the last one to leave
removes it. And that presence counts users, not sockets: a second window neither joins nor, closing, leaves.
Leaves out cache channels and encrypted channels, and refuses their names rather than serve them as something else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

import msgspec

NAME = re.compile(r"[A-Za-z0-9_\-=@,.;]+")
NOT_SERVED = ("cache-", "private-cache-", "private-encrypted-", "presence-cache-")


class Kind(Enum):
    """What it takes to subscribe: nothing, a signature, or a signature that says who one is."""

    PUBLIC = "public"
    PRIVATE = "private"
    PRESENCE = "presence"


class BadName(ValueError):
    """A channel name that the service does not serve; says why."""


def kind_of(name: str, chars_max: int) -> Kind:
    """Return the kind that the name's prefix asks for; raises BadName."""
    if len(name) > chars_max or NAME.fullmatch(name) is None:
        raise BadName(f"channel {name[:40]!r}: expected 1 to {chars_max} of A-Z a-z 0-9 _ - = @ , . ;")
    if name.startswith(NOT_SERVED):
        raise BadName(f"channel {name[:40]!r}: cache channels and encrypted channels are not served here")
    for kind in (Kind.PRIVATE, Kind.PRESENCE):
        if name.startswith(f"{kind.value}-"):
            return kind
    return Kind.PUBLIC


@dataclass(frozen=True, slots=True)
class Member:
    """One user of a presence channel, as signed by the API; `info` is any JSON, unread."""

    user_id: str
    info: msgspec.Raw


@dataclass(slots=True)
class Channel:
    """One occupied channel: its sockets in the order they came, each with its user on a presence channel."""

    kind: Kind
    subscribers: dict[str, str | None] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    windows: dict[str, int] = field(default_factory=dict)

    def join(self, socket_id: str, member: Member | None) -> bool:
        """Add a socket; return whether it brings a user who was not present."""
        self.subscribers[socket_id] = member.user_id if member else None
        if member is None:
            return False
        arrived = member.user_id not in self.members
        self.members.setdefault(member.user_id, member)
        self.windows[member.user_id] = self.windows.get(member.user_id, 0) + 1
        return arrived

    def leave(self, socket_id: str) -> str | None:
        """Remove a socket; return the user who is no longer present, if it was that user's last."""
        user_id = self.subscribers.pop(socket_id)
        if user_id is None:
            return None
        self.windows[user_id] -= 1
        if self.windows[user_id]:
            return None
        del self.windows[user_id], self.members[user_id]
        return user_id


class Channels:
    """All occupied channels, by name."""

    def __init__(self) -> None:
        self._occupied: dict[str, Channel] = {}

    def find(self, name: str) -> Channel | None:
        """Return the channel if anybody listens on it."""
        return self._occupied.get(name)

    def opened(self, name: str, kind: Kind) -> Channel:
        """Return the channel, newly created if nobody listened; add a subscriber at once, or it stays behind."""
        return self._occupied.setdefault(name, Channel(kind))

    def drop_if_empty(self, name: str) -> None:
        """Forget the channel once its last subscriber has left."""
        channel = self._occupied.get(name)
        if channel is not None and not channel.subscribers:
            del self._occupied[name]

    def listeners(self, name: str, but: str | None = None) -> tuple[str, ...]:
        """Return the sockets subscribed to the channel, without `but`."""
        channel = self._occupied.get(name)
        if channel is None:
            return ()
        if but in channel.subscribers:
            return tuple(socket_id for socket_id in channel.subscribers if socket_id != but)
        return tuple(channel.subscribers)

    def starting_with(self, prefix: str) -> Iterator[tuple[str, Channel]]:
        """Yield the occupied channels whose names start so."""
        return ((name, channel) for name, channel in self._occupied.items() if name.startswith(prefix))
