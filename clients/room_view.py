"""What a client knows of a room: a fold over the events it has received, from the snapshot that it joined with.

Teaches that members, typing and receipts need no protocol of their own: they follow from the log.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from servers.core.wire import Event, Kind, Member, Snapshot

MEMBERS_MAX = 1000
"""As many as a snapshot holds. If there are more, the member who has been offline the longest is forgotten."""


class RoomView:
    """Members, who types, and who has read how far. No I/O, no clock.

    now_s: the time on the client's monotonic clock. The lifetime of a typing notice starts at its arrival, since the
    clocks of client and server may differ.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._members = {member.user: member for member in snapshot.members}
        self._typing: dict[str, tuple[str, float]] = {}
        self.receipts = dict(snapshot.receipts)

    def apply(self, events: Iterable[Event], now_s: float) -> None:
        """Apply events that arrive now; they must be in order."""
        for event in events:
            match event.kind:
                case Kind.PRESENCE:
                    self._set_online(event)
                case Kind.TYPING if event.body == "started":
                    lasts_s = ((event.expires_at_ms or 0) - event.at_ms) / 1000
                    self._typing[event.sender] = event.name, now_s + lasts_s
                case Kind.TYPING:
                    self._typing.pop(event.sender, None)
                case Kind.RECEIPT:
                    self.receipts[event.sender] = max(self.receipts.get(event.sender, 0), int(event.body))
                case Kind.MESSAGE:
                    self._typing.pop(event.sender, None)
                    self._set_last_seen(event)

    def members(self) -> list[Member]:
        """Return all members: online before offline, then by name; of equal names the one seen last comes first."""

        def order(member: Member) -> tuple[bool, str, int]:
            return not member.online, member.name.casefold(), -member.last_seen_ms

        return sorted(self._members.values(), key=order)

    def typing(self, now_s: float) -> list[str]:
        """Return the names of the users whose typing notice has not expired."""
        return sorted(name for name, until_s in self._typing.values() if now_s < until_s)

    def readers(self, seq: int) -> list[str]:
        """Return the names of the members who have read up to `seq` or further."""
        users = [user for user, up_to in self.receipts.items() if up_to >= seq]
        return sorted(self._members[user].name for user in users if user in self._members)

    def _set_online(self, event: Event) -> None:
        """Note who came or went, at the end of the members: so the first offline one has been offline the longest."""
        is_online = event.body == "online"
        self._members.pop(event.sender, None)
        self._members[event.sender] = Member(event.sender, event.name, is_online, event.at_ms)
        if not is_online:
            self._typing.pop(event.sender, None)
        self._forget_surplus()

    def _set_last_seen(self, event: Event) -> None:
        if member := self._members.get(event.sender):
            seen_ms = max(member.last_seen_ms, event.at_ms)
            self._members[event.sender] = replace(member, last_seen_ms=seen_ms)

    def _forget_surplus(self) -> None:
        offline = [user for user, member in self._members.items() if not member.online]
        if len(self._members) > MEMBERS_MAX and offline:
            del self._members[offline[0]]
            self.receipts.pop(offline[0], None)
