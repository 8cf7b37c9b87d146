"""Who is online: leases that must be renewed, since a client that polls never says goodbye.

Teaches that a socket's end is only an early release of the same lease that a poll renews. A renewal reaches the store
at most every third of a lease, however often a client polls. And that a line which ends may not end the lease of the
line that has replaced it, perhaps in another process: whoever opened the newest line holds the lease. Leaves out how a
renewal travels.
"""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from servers.core.auth import Identity
from servers.core.clock import Clock
from servers.core.errors import NotJoined, TooMany, Unavailable
from servers.core.settings import Settings
from servers.core.store import Lease, Store
from servers.core.wire import Event, Kind


class Connection(NamedTuple):
    """One window or device of one user in one room."""

    room: str
    user: str
    name: str
    connection: str


class Presence:
    """This process's view of the leases: when each was last renewed, and which are held open by a waiting line."""

    def __init__(self, store: Store, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._process = secrets.token_hex(8)
        self._renewed_s: dict[Connection, float] = {}
        self._member_until_s: dict[tuple[str, str], float] = {}
        self._held: dict[Connection, int] = {}

    @property
    def remembered(self) -> int:
        """How many leases and memberships are kept in mind, so as not to ask the store."""
        return len(self._renewed_s) + len(self._member_until_s)

    @property
    def holds(self) -> bool:
        """Whether a line of anybody is held open here."""
        return bool(self._held)

    async def join(self, identity: Identity, room: str, connection: str) -> Event | None:
        """Enter the room; return the "online" event, if any. Raises NameTaken or TooMany."""
        key = Connection(room, identity.user, identity.name, connection)
        limits = self._settings
        event = await self._store.join(self._lease(key, self._process), limits.connections_max, limits.rooms_max)
        self._renewed_s[key] = self._clock.monotonic_s()
        return event

    async def renew(self, identity: Identity, room: str, connection: str) -> Event | None:
        """Show a sign of life; return the "online" event, if any. Raises NotJoined. Mostly touches nothing."""
        return await self._renew(Connection(room, identity.user, identity.name, connection))

    async def take(self, identity: Identity, room: str, connection: str) -> Event | None:
        """Renew the lease at once for a line that opens here; whatever line had it, this process holds it now."""
        key = Connection(room, identity.user, identity.name, connection)
        self._renewed_s.pop(key, None)
        return await self._renew(key, self._process)

    async def release(self, identity: Identity, room: str, connection: str) -> Event | None:
        """End the lease now; return the "offline" event, if it was the user's last."""
        return await self._release(Connection(room, identity.user, identity.name, connection))

    async def hang_up(self, identity: Identity, room: str, connection: str) -> Event | None:
        """End the lease because a line has ended, unless the same connection has a newer one, here or elsewhere."""
        key = Connection(room, identity.user, identity.name, connection)
        return None if key in self._held else await self._release(key, self._process)

    async def require(self, identity: Identity, room: str) -> None:
        """Raise NotJoined unless the user has joined the room and not left it. Asks the store once a lease."""
        key = (room, identity.user)
        if not self._settings.on_demand and self._clock.monotonic_s() < self._member_until_s.get(key, 0.0):
            return
        if not await self._store.is_member(room, identity.user):
            raise NotJoined(f"room {room!r}: you have not joined it, or have left; join first")
        self._member_until_s[key] = self._clock.monotonic_s() + self._settings.lease_s

    def hear(self, event: Event) -> None:
        """Take note of an event of another process: who has gone offline may have left, so the store must be asked."""
        if event.kind is Kind.PRESENCE and event.body == "offline":
            self._member_until_s.pop((event.room, event.sender), None)

    @contextmanager
    def held(self, identity: Identity, room: str, connection: str) -> Iterator[None]:
        """While the block runs, `tend` renews the lease: the line itself is the sign of life. Raises TooMany."""
        key = Connection(room, identity.user, identity.name, connection)
        if self._held.get(key, 0) >= self._settings.polls_max:
            raise TooMany(f"connection {connection!r}: holds {self._settings.polls_max} requests already; await one")
        self._held[key] = self._held.get(key, 0) + 1
        try:
            yield
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    async def tend(self) -> list[Event]:
        """Renew what is held, end what has run out; return the presence events that followed."""
        renewals = await asyncio.gather(*map(self._renew, list(self._held)), return_exceptions=True)
        back = [event for event in renewals if isinstance(event, Event)]
        self._forget_silent()
        with suppress(Unavailable):  # what has run out is still there in the next round, and who is back must be told
            back += await self._store.expire(self._clock.now_ms())
        return back

    async def _release(self, key: Connection, holder: str = "") -> Event | None:
        self._renewed_s.pop(key, None)
        self._member_until_s.pop((key.room, key.user), None)
        return await self._store.release(self._lease(key, holder))

    async def _renew(self, key: Connection, holder: str = "") -> Event | None:
        now_s = self._clock.monotonic_s()
        if now_s - self._renewed_s.get(key, float("-inf")) < self._settings.heartbeat_s:
            return None
        self._renewed_s[key] = now_s
        try:
            return await self._store.touch(self._lease(key, holder))
        except BaseException:
            self._renewed_s.pop(key, None)
            raise

    def _forget_silent(self) -> None:
        now_s = self._clock.monotonic_s()
        horizon_s = now_s - 2 * self._settings.lease_s
        self._renewed_s = {key: at_s for key, at_s in self._renewed_s.items() if at_s > horizon_s}
        self._member_until_s = {key: until_s for key, until_s in self._member_until_s.items() if until_s > now_s}

    def _lease(self, key: Connection, holder: str) -> Lease:
        now_ms = self._clock.now_ms()
        return Lease(*key, now_ms, now_ms + int(self._settings.lease_s * 1000), holder)
