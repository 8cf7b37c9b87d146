"""Who is online: leases that must be renewed, since a polling client sends nothing when it leaves.

Teaches that polls and sockets share one lease: a poll renews it, an open socket renews it too, and a closed socket
releases it early. A client may join again, or open a new stream or socket, before the old one has closed, perhaps at
another process. So the newest of them holds the lease, and the end of an older one does not release it. Leases run on
the store's clock. Leaves out how a renewal travels.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, TypeVar

from servers.core.auth import Identity
from servers.core.clock import Clock
from servers.core.errors import ChatError, NotJoined, TooMany, Unavailable
from servers.core.held_lease import HeldLease
from servers.core.quotas import NetworkRooms
from servers.core.settings import Settings
from servers.core.store import Lease, Limits, Store
from servers.core.wire import Event, Kind

NEVER_S = float("-inf")
CACHED_MAX = 50_000  # entries of each cache, of 1 kB at most. For a dropped entry the store is queried again
log = logging.getLogger(__name__)
Key = TypeVar("Key")
Extend = Callable[[Lease, Limits], Awaitable[Event | None]]


class Connection(NamedTuple):
    """One window or device of one user in one room."""

    room: str
    user: str
    name: str
    id: str


class Presence:
    """This process's view of the leases: when each was last renewed, and which belong to an open request or socket.

    network_of: returns the key of a user's network, which all users of that network share.
    """

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, network_of: Callable[[str], str] = lambda user: user
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._limits = Limits(settings.connections_max, settings.rooms_max, settings.user_rooms_max)
        self._network_of = network_of
        self._longest_s = settings.renewed_lease_s + settings.late_s
        self._network_rooms = NetworkRooms(clock, settings.network_rooms_max, self._longest_s)
        self._offset_ms: int | None = None  # the store's clock minus ours
        self._renewed_s: dict[Connection, float] = {}  # when this process last renewed the lease in the store
        self._member_until_s: dict[tuple[str, str], float] = {}  # by room and user: until when membership is cached
        self._doubted_s: dict[tuple[str, str], float] = {}  # by room and user: when another process saw them leave
        self._changes = 0  # departures and jumps of the clock: a response on its way meanwhile is not cached
        self._open: defaultdict[Connection, set[HeldLease]] = defaultdict(set)
        self._joining: set[Connection] = set()

    @property
    def has_open_connections(self) -> bool:
        """Whether anybody has an open request or socket here."""
        return bool(self._open)

    async def join(self, connection: Connection, holder: str = "") -> Event | None:
        """Enter the room; return the "online" event, if any. Raises NameTaken or TooMany.

        holder: the socket that joins, if there is one. No earlier stream or socket holds the lease any more.
        """
        lasts_s = self._settings.lease_s + self._settings.late_s
        return await self._extend(self._store.join, connection, holder or secrets.token_hex(8), lasts_s)

    @contextmanager
    def joining(self, connection: Connection) -> Iterator[None]:
        """Let no sweep end an open socket of the connection while the block runs: it has not joined yet."""
        self._joining.add(connection)
        try:
            yield
        finally:
            self._joining.discard(connection)

    async def renew(self, connection: Connection, holder: str = "", recent_s: float | None = None) -> Event | None:
        """Renew the lease, if a renewal is due; return the "online" event, if any. Raises NotJoined.

        recent_s: no renewal is due within this time after the last one; a third of a lease if None. holder: the stream
        or socket that opens, perhaps at a push service.
        """
        recent_s = self._settings.heartbeat_s if recent_s is None else recent_s
        renewed_s = self._renewed_s.get(connection, NEVER_S)
        doubted_s = self._doubted_s.get((connection.room, connection.user), NEVER_S)
        if renewed_s > max(self._clock.monotonic_s() - recent_s, doubted_s):
            return None
        held = self._held_now(connection)
        try:
            return await self._extend(self._store.touch, connection, holder, self._longest_s)
        except NotJoined:
            self._end(connection, held)
            raise

    async def release(self, connection: Connection, holder: str = "") -> Event | None:
        """End the lease and its open requests now; return the "offline" event, if it was the user's last lease.

        holder: the stream or socket that has closed: the lease, and its requests, go on if there is a newer one.
        """
        held = [] if holder else self._held_now(connection)
        event = await self._store.release(await self._lease(connection, holder, self._longest_s))
        self._end(connection, held)
        return event

    async def require(self, identity: Identity, room: str) -> None:
        """Raise NotJoined unless the user has joined the room and not left it. Cached for one lease."""
        key = (room, identity.user)
        if not self._settings.on_demand and self._clock.monotonic_s() < self._member_until_s.get(key, 0.0):
            return
        asked_at = self._changes
        if not await self._store.is_member(room, identity.user):
            raise NotJoined(f"room {room!r}: you have not joined it, or have left; join first")
        self._remember(self._member_until_s, key, self._clock.monotonic_s() + self._settings.lease_s, asked_at)

    def on_foreign_event(self, event: Event) -> None:
        """Forget what is cached about a user who went offline at another process: they may have left the room."""
        if event.kind is Kind.PRESENCE and event.body == "offline":
            self._changes += 1
            self._member_until_s.pop((event.room, event.sender), None)
            self._remember(self._doubted_s, (event.room, event.sender), self._clock.monotonic_s(), self._changes)

    @contextmanager
    def keep_online(self, connection: Connection) -> Iterator[HeldLease]:
        """Have `sweep` renew the lease while the block runs; yields the held lease. Raises TooMany."""
        limit = self._settings.polls_max
        if len(self._open.get(connection, ())) >= limit:
            raise TooMany(f"connection {connection.id!r}: has {limit} open requests already; await one")
        held = HeldLease()
        self._open[connection].add(held)
        try:
            yield held
        finally:
            self._open[connection].discard(held)
            if not self._open[connection]:
                del self._open[connection]

    async def sweep(self) -> list[Event]:
        """Renew the leases of open connections, end those that have expired; return the presence events."""
        events: list[Event] = []
        with suppress(Unavailable):  # the next sweep finds the same leases, and these events must be published
            await self._read_clock()
            for renewal in await asyncio.gather(*map(self.renew, list(self._open)), return_exceptions=True):
                if isinstance(renewal, Event):
                    events.append(renewal)
                elif renewal is not None and not isinstance(renewal, ChatError):  # a refusal is no fault of the server
                    log.error("presence: a lease was not renewed", exc_info=renewal)
            events += await self._store.expire(await self.now_ms(), int(self._longest_s * 1000))
        self._drop_expired()
        return events

    async def now_ms(self) -> int:
        """Return the time on the store's clock, by the difference from our clock that the last sweep has measured."""
        if self._offset_ms is None or self._settings.on_demand:  # an instance may have been frozen meanwhile
            await self._read_clock()
        assert self._offset_ms is not None
        return self._offset_ms + int(self._clock.monotonic_s() * 1000)

    async def _read_clock(self) -> None:
        """Read the store's clock; if it has jumped, all leases are due. Raises Unavailable."""
        offset_ms = await self._store.now_ms() - int(self._clock.monotonic_s() * 1000)
        if self._offset_ms is not None and abs(offset_ms - self._offset_ms) > self._settings.heartbeat_s * 1000:
            self._changes += 1
            self._renewed_s.clear()
        self._offset_ms = offset_ms

    def _held_now(self, connection: Connection) -> list[HeldLease]:
        """Return the open requests, unless one joins. Call it before the store is queried: later ones have joined."""
        return [] if connection in self._joining else list(self._open.get(connection, ()))

    def _end(self, connection: Connection, held: list[HeldLease]) -> None:
        self._changes += 1
        self._renewed_s.pop(connection, None)
        self._member_until_s.pop((connection.room, connection.user), None)
        for lease in held:
            lease.end()

    def _drop_expired(self) -> None:
        now_s = self._clock.monotonic_s()
        self._network_rooms.drop_expired()
        horizon_s = now_s - 2 * self._settings.lease_s
        self._renewed_s = {key: at_s for key, at_s in self._renewed_s.items() if at_s > horizon_s}
        self._doubted_s = {key: at_s for key, at_s in self._doubted_s.items() if at_s > horizon_s}
        self._member_until_s = {key: until_s for key, until_s in self._member_until_s.items() if until_s > now_s}

    async def _extend(self, extend: Extend, connection: Connection, holder: str, lasts_s: float) -> Event | None:
        """Have the store extend a lease, by `join` or `touch`; cache when that was asked for."""
        self._network_rooms.take(self._network_of(connection.user), connection.room)
        asked_at, now_s = self._changes, self._clock.monotonic_s()
        event = await extend(await self._lease(connection, holder, lasts_s), self._limits)
        self._remember(self._renewed_s, connection, now_s, asked_at)
        return event

    async def _lease(self, connection: Connection, holder: str, lasts_s: float) -> Lease:
        now_ms = await self.now_ms()
        return Lease(*connection, now_ms, now_ms + int(lasts_s * 1000), holder)

    def _remember(self, cache: dict[Key, float], key: Key, at_s: float, asked_at: int) -> None:
        """Cache a time, unless a change came after `asked_at`; the oldest entry gives way if there are too many."""
        if asked_at == self._changes:
            cache.pop(key, None)
            cache[key] = at_s
        if len(cache) > CACHED_MAX:
            del cache[next(iter(cache))]
