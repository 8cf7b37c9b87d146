"""The interface between the chat and its database: the only part with several implementations.

Teaches what a log must promise so that every client can be a cursor on it. Each implementation is one module in
`servers.core.stores`; `open_store` picks by URL scheme. `tests/servers/test_store_contract.py` tests them all.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from msgspec import Struct

from servers.addresses import without_passwords
from servers.core.clock import Clock, SystemClock
from servers.core.wire import Cursor, Draft, Event, Member, Page

MODULES = {
    "sqlite": "servers.core.stores.sqlite",
    "redis": "servers.core.stores.redis_streams",
    "rediss": "servers.core.stores.redis_streams",
    "postgresql": "servers.core.stores.postgres",
    "postgres": "servers.core.stores.postgres",
}
"""The module for each scheme of a URL. rediss: Redis with TLS; for PostgreSQL, `?sslmode=` turns TLS on."""
EMBEDDED = frozenset({"sqlite"})
"""Schemes whose store serves one process only; any number of processes share the others."""
DELETE_AFTER_MS = 3_600_000
"""A connection is deleted so long after its lease has expired: then its client must join again."""


def is_embedded(url: str) -> bool:
    """Return whether only one process may use the store that a URL names."""
    return url.partition(":")[0] in EMBEDDED


class Lease(Struct, frozen=True):
    """A lease of one connection of a user: they are online until expires_at_ms. Times on the store's clock.

    holder: the join, stream or socket (perhaps at a push service) by which the connection has just opened or closed;
    empty for a poll.
    """

    room: str
    user: str
    name: str
    connection: str
    seen_ms: int
    expires_at_ms: int
    holder: str = ""


class Limits(NamedTuple):
    """How many connections a user may have in one room, and in how many rooms people, and one user, may be online."""

    connections: int
    rooms: int
    user_rooms: int


OnCommit = Callable[[Sequence[Event]], None]


class Store(Protocol):
    """Rooms as ordered logs, and presence as leases. No method but `wait` waits for an event."""

    @property
    def epoch(self) -> str:
        """The epoch of the log, as far as this process knows: a shared store may be emptied by others."""

    def follow(self, on_commit: OnCommit) -> bool:
        """Pass on the events of each commit, from now on, before its callers continue.

        Returns False, and passes on nothing, if other processes append to the log: then `wait` for theirs.
        """

    async def append(self, room: str, draft: Draft) -> Event:
        """Commit one event with the next seq of its room, and return it.

        Atomic and gap-free. A message with the same (room, sender, client_id) again returns the first event.
        """

    async def mark_read(self, room: str, draft: Draft) -> Event | None:
        """Commit the receipt of a member, whose body is a seq; None if they had read that far already."""

    async def read(self, room: str, after: Cursor, limit: int) -> Page:
        """Return up to `limit` events after the cursor, oldest first; from the start if its epoch is another."""

    async def head(self, room: str) -> Cursor:
        """Return the cursor of the room's newest event; seq 0 if there is none."""

    async def wait(self, room: str, after: Cursor, timeout_s: float) -> bool:
        """Wait until the room's head is beyond the cursor; return False if `timeout_s` passed first.

        Level-triggered: an event committed before the call returns True at once, so no wake-up can be lost.
        """

    async def history(self, room: str, before: int, limit: int) -> tuple[Event, ...]:
        """Return the last `limit` messages with seq below `before`, oldest first."""

    async def claim_name(self, name: str, user: str, now_ms: int, until_ms: int) -> bool:
        """Reserve a display name, and those that look like it, for a user; False if another user's claim still runs.

        An expired claim is deleted within about a minute, so the limit of log-ins bounds the number of claims.
        """

    async def join(self, lease: Lease, limits: Limits) -> Event | None:
        """Make the lease's user a member; return the "online" event if they were not online.

        Raises NameTaken if another user has claimed the name; TooMany if the user has as many other connections whose
        leases run as the limits allow, or comes online in one room too many: an empty one, or one more of their own.
        """

    async def touch(self, lease: Lease, limits: Limits) -> Event | None:
        """Renew a lease; return the "online" event if it had expired.

        Raises NotJoined for an unknown connection; TooMany if the user would come back in one room too many.
        """

    async def release(self, lease: Lease) -> Event | None:
        """End a lease early; return the "offline" event if it was the user's last. An unknown lease is ignored.

        With a holder, the lease goes on if the connection has a newer one: another join, stream or socket.
        Without one this is a goodbye: it also frees the name of a user who is online in no other room.
        """

    async def now_ms(self) -> int:
        """Return the time on the clock that the leases run on, in ms since 1970.

        All processes that share the store have this clock in common: its own, which may jump. A store of one process
        has a clock that does not.
        """

    async def expire(self, now_ms: int, lease_ms: int) -> Sequence[Event]:
        """Return the "offline" events of all users whose leases have expired since the last call.

        A lease that would run for longer than `lease_ms` from now on, since the clock was set back, ends then.

        Of several processes that call it, exactly one gets each event. If the store fails meanwhile, the committed
        events are returned, and the rest is left for a later call. An event whose response was lost is in the log, but
        returned to nobody.
        """

    async def is_member(self, room: str, user: str) -> bool:
        """Return whether the user has joined the room and not left it."""

    async def members(self, room: str, limit: int) -> dict[Member, int]:
        """Return members by name, with the seq up to which each has read (0: nothing).

        At most `limit` of them: those who are online, then those who were seen last.
        """

    async def close(self) -> None:
        """End all waiting, and close files and connections; does nothing if closed already."""


async def open_store(url: str, clock: Clock | None = None) -> Store:
    """Open the store that a URL names, such as `sqlite:///chat.db`; ValueError for an unknown scheme.

    clock: for the leases of a store that serves one process; the others have their own.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in MODULES:
        known = ", ".join(f"{name}://" for name in MODULES)
        raise ValueError(f"store: expected a URL that starts with {known}, got {without_passwords(url)!r}")
    open_url = import_module(MODULES[scheme]).open_url
    opening = open_url(url, clock or SystemClock()) if scheme in EMBEDDED else open_url(url)
    return cast(Store, await opening)
