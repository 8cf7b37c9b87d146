"""The exchange of a service that is one process: channels are dictionaries, and no act ever waits.

Teaches what a fan-out costs when nothing lies in between: one frame, one loop over the sockets that listen. And the
order of a presence channel: the newcomer gets the whole list, itself included; everybody else gets one notice; and
both happen once per user, however many windows that user has open.
What crosses the wire: `subscription_succeeded`, `member_added`, `member_removed`, all spelled in `frames`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from servers.pusher_service import frames
from servers.pusher_service.answers import Counters, Denied, Send
from servers.pusher_service.channels import Channel, Channels, Kind
from servers.pusher_service.exchange import Counts, Deliver, Join, Publish, Seat, Stats


class InProcess:
    """The channels of one process; `stats` tells what it has counted."""

    reachable = True

    def __init__(self, deliver: Deliver, counters: Counters, members_max: int, stats: Callable[[], Stats]) -> None:
        self.channels = Channels()
        self._deliver = deliver
        self._counters = counters
        self._members_max = members_max
        self._stats = stats

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Nothing has to be opened, and nothing closed."""
        yield

    async def join(self, act: Join) -> None:
        """Seat a socket: its welcome first, then the notice to the others. Raises Denied when the channel is full."""
        name, member = act.seat.channel, act.member
        present = self.channels.find(name)
        if member and present and member.user_id not in present.members and len(present.members) >= self._members_max:
            raise Denied(frames.full(name, self._members_max))
        channel = self.channels.opened(name, act.seat.kind)
        arrived = channel.join(act.seat.socket_id, member)
        members = {one.user_id: one.info for one in channel.members.values()}
        roster = members if channel.kind is Kind.PRESENCE else None
        self._deliver(Send((act.seat.socket_id,), frames.succeeded(name, roster)))
        if arrived and member is not None:
            self._notify(name, frames.member_added(name, member.user_id, member.info), but=act.seat.socket_id)

    async def leave(self, seats: Sequence[Seat]) -> None:
        """Free seats, each with the notice that follows."""
        for seat in seats:
            channel = self.channels.find(seat.channel)
            assert channel is not None, f"a seat on {seat.channel} without its channel"
            gone = channel.leave(seat.socket_id)
            self.channels.drop_if_empty(seat.channel)
            if gone is not None:
                self._notify(seat.channel, frames.member_removed(seat.channel, gone))

    async def publish(self, events: Sequence[Publish]) -> None:
        """Deliver events at once."""
        for event in events:
            if listeners := self.channels.listeners(event.channel, event.but):
                self._counters.deliveries += len(listeners)
                self._deliver(Send(listeners, event.text))

    async def counts(self, names: Sequence[str]) -> list[Counts]:
        """Return each channel's counts."""
        return [_counts(self.channels.find(name)) for name in names]

    async def occupied(self, prefix: str) -> dict[str, Counts]:
        """Return the occupied channels whose names start so."""
        return {name: _counts(channel) for name, channel in self.channels.starting_with(prefix)}

    async def users(self, name: str) -> list[str]:
        """Return the ids of the users present."""
        channel = self.channels.find(name)
        return list(channel.members) if channel else []

    async def totals(self) -> Stats:
        """Return this process's counts: there is no other."""
        return self._stats()

    def _notify(self, name: str, text: str, but: str | None = None) -> None:
        if listeners := self.channels.listeners(name, but):
            self._counters.presence_deliveries += len(listeners)
            self._deliver(Send(listeners, text))


def _counts(channel: Channel | None) -> Counts:
    return Counts(len(channel.subscribers), len(channel.members)) if channel else Counts(0, 0)
