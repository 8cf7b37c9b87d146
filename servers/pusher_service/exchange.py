"""Where the channels live, as the rest of the service sees it: acts go in, and frames for sockets come out.

Teaches the seam between one process and several. What a client may do is decided in `protocol` and `subscriptions`,
without I/O; what a channel is, who is present on it and who hears of it, is an exchange's. `in_process` keeps it in
memory and never waits; `redis_exchange` shares it with other workers and waits for Redis. Leaves out the sockets: an
exchange hands what they get to `deliver`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from servers.pusher_service.answers import Answer
from servers.pusher_service.channels import Kind, Member

Deliver = Callable[[Answer], None]
Stats = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seat:
    """One socket's place on one channel; on a presence channel it is a user's."""

    socket_id: str
    channel: str
    kind: Kind
    user_id: str | None


@dataclass(frozen=True, slots=True)
class Join:
    """A subscription whose signature and limits were found good."""

    seat: Seat
    member: Member | None


@dataclass(frozen=True, slots=True)
class Leave:
    """The end of a subscription that the connection held."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Publish:
    """One frame for all who listen on a channel, except one socket."""

    channel: str
    text: str
    but: str | None


Act = Join | Leave | Publish


class Counts(NamedTuple):
    """How many subscriptions a channel has, and how many users a presence channel has."""

    subscriptions: int
    users: int


class Unreachable(Exception):
    """What the workers share cannot be reached: whether the act took place is not known."""


class Exchange(Protocol):
    """All channels of one application, for the sockets of one process. Its methods raise Unreachable.

    A socket that joined gets every frame published from then on, each channel's in the same order as all others.
    """

    @property
    def reachable(self) -> bool:
        """Whether acts are taken now; connections are refused while they are not."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Serve until the block ends; raises Unreachable when there is nothing to begin with."""

    async def join(self, act: Join) -> None:
        """Seat a socket and deliver its welcome, then the notice to others; raises Denied when the channel is full."""

    async def leave(self, seats: Sequence[Seat]) -> None:
        """Free seats and deliver the notices that follow."""

    async def publish(self, events: Sequence[Publish]) -> None:
        """Take events, in order; once this returns, each will be delivered."""

    async def counts(self, names: Sequence[str]) -> list[Counts]:
        """Return each channel's counts; those of one that nobody listens on are 0."""

    async def occupied(self, prefix: str) -> dict[str, Counts]:
        """Return the channels that somebody listens on and whose names start so."""

    async def users(self, name: str) -> list[str]:
        """Return the ids of the users who are present."""

    async def totals(self) -> Stats:
        """Return what all workers that serve now have counted, added up."""
