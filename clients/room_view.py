"""What a client knows of a room: a fold over the events it has seen, from the snapshot that it joined with.

Teaches that members, typing and receipts need no protocol of their own: whoever has read the log knows them.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from servers.core.wire import Event, Kind, Member, Snapshot


class RoomView:
    """Members, who types, and who has read how far. No I/O, no clock: `now_ms` is given."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._members = {member.user: member for member in snapshot.members}
        self._typing: dict[str, Event] = {}
        self.receipts = dict(snapshot.receipts)

    def apply(self, events: Iterable[Event]) -> None:
        """Take in events that came in order."""
        for event in events:
            match event.kind:
                case Kind.PRESENCE:
                    online = event.body == "online"
                    self._members[event.sender] = Member(event.sender, event.name, online, event.at_ms)
                    if not online:
                        self._typing.pop(event.sender, None)
                case Kind.TYPING if event.body == "started":
                    self._typing[event.sender] = event
                case Kind.TYPING:
                    self._typing.pop(event.sender, None)
                case Kind.RECEIPT:
                    self.receipts[event.sender] = max(self.receipts.get(event.sender, 0), int(event.body))
                case Kind.MESSAGE:
                    self._seen(event)

    def members(self) -> list[Member]:
        """Return everyone who ever joined, those online first, then by name."""
        return sorted(self._members.values(), key=lambda member: (not member.online, member.name.casefold()))

    def typing(self, now_ms: int) -> list[str]:
        """Return the names of those whose notice is still true."""
        return sorted(
            event.name for event in self._typing.values() if event.expires_at_ms and now_ms < event.expires_at_ms
        )

    def readers(self, seq: int) -> list[str]:
        """Return the names of those who have read up to `seq` or further."""
        return sorted(
            self._members[user].name for user, up_to in self.receipts.items() if up_to >= seq and user in self._members
        )

    def _seen(self, event: Event) -> None:
        """A message is a sign of life, and the end of typing."""
        self._typing.pop(event.sender, None)
        if member := self._members.get(event.sender):
            self._members[event.sender] = replace(member, last_seen_ms=max(member.last_seen_ms, event.at_ms))
