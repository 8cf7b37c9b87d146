"""A store that several processes share: PostgreSQL, each room a row whose lock makes the order.

Teaches that a gap-free number is not enough: a reader that has seen 8 must never be shown a 7 later. So an append
to a room keeps the lock of its row from taking the number until the commit, and the order of commits is the order of
numbers. Nothing is ever dropped from the log. Acknowledged means: on the disk of this server (`synchronous_commit`, on
by default) and, if it has synchronous standbys, on theirs. Another failover, or a restore to an earlier time, may lose
the end of the log; both begin a timeline (PostgreSQL, "Continuous Archiving and Point-in-Time Recovery"), and the first
append on it gives the log a new epoch. A dump loaded into another server begins none: it is detected only while the log
ends before what a running server has seen. Leaves out poolers that share a connection between transactions.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import astuple

from servers.addresses import without_passwords
from servers.core.errors import Unavailable
from servers.core.store import DELETE_AFTER_MS, Lease, Limits, OnCommit
from servers.core.stores.followed_rooms import FollowedRooms
from servers.core.stores.postgres_listener import PostgresListener
from servers.core.stores.postgres_pool import FAILURES, SQL, PostgresPool, event_of, fresh_epoch
from servers.core.stores.refusals import Declined, UnknownLayout, refusal
from servers.core.stores.shielded import Shielded
from servers.core.validation import name_key
from servers.core.wire import Cursor, Draft, Event, Member, Page


async def open_url(url: str) -> "PostgresStore":
    """Open the database that `postgresql://user@host:port/name` names. Raises ValueError if it does not respond.

    `?sslmode=` and `?sslrootcert=` mean what they mean to libpq (PostgreSQL, "SSL Mode Descriptions").
    """
    store = PostgresStore(url)
    try:
        await store.start()
    except (*FAILURES, ValueError) as error:
        await store.close()
        reason = f"{type(error).__name__}: {error}" if isinstance(error, (*FAILURES, UnknownLayout)) else "no such URL"
        raise ValueError(f"store: expected a PostgreSQL at {without_passwords(url)!r}, got {reason}") from None
    return store


class PostgresStore:
    """A Store in PostgreSQL: a pool of connections for statements, and one that listens."""

    def __init__(self, url: str) -> None:
        self._rooms = FollowedRooms(self.heads, self.start_new_epoch)
        self._pool = PostgresPool(url, self._rooms.set_epoch)
        self._listener = PostgresListener(self._pool, self._rooms)
        self._commands = Shielded()
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Create the tables if needed, try every statement, and begin to listen. Raises one of FAILURES."""
        connection = await self._pool.connect()
        try:
            await self._pool.prepare(connection)
            await self._pool.rehearse(connection)
        finally:
            await connection.close()
        await self._pool.open()
        self._following = asyncio.create_task(self._listener.follow())

    @property
    def epoch(self) -> str:
        return self._rooms.epoch

    def follow(self, on_commit: OnCommit) -> bool:
        return False  # other processes append, too: readers use `wait`

    async def append(self, room: str, draft: Draft) -> Event:
        kind, sender, name, body, at_ms, client_id, expires_at_ms = astuple(draft)
        arguments = (room, str(kind), sender, name, body.encode(), at_ms, client_id, expires_at_ms)
        (event,) = await self._change(SQL["append"], *arguments)
        return event

    async def mark_read(self, room: str, draft: Draft) -> Event | None:
        arguments = (room, draft.sender, draft.name, int(draft.body), draft.at_ms)
        events = await self._change(SQL["mark_read"], *arguments)
        return events[0] if events else None

    async def read(self, room: str, after: Cursor, limit: int) -> Page:
        # a LEFT JOIN: if there is no event, the epoch comes in a row that is otherwise empty
        rows = await self._pool.fetch_with_epoch(SQL["read"], room, after.epoch, after.seq, limit)
        start = after.seq if after.epoch == self.epoch else 0
        events = tuple(event_of(row) for row in rows if row[0] is not None)
        return Page(self.epoch, start, events[-1].seq if events else start, events)

    async def head(self, room: str) -> Cursor:
        heads = await self.heads([room])
        return Cursor(self.epoch, heads[room])

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        """Return the last seq of each room's log."""
        rows = await self._pool.fetch_with_epoch(SQL["heads"], list(rooms))
        return dict.fromkeys(rooms, 0) | {room: seq for room, seq in rows if room is not None}

    async def start_new_epoch(self, epoch: str) -> None:
        """Give the logs a new epoch, if `epoch` is still theirs."""
        await self._pool.fetch(SQL["set_new_epoch"], epoch, fresh_epoch())
        await self.heads([])

    async def wait(self, room: str, after: Cursor, timeout_s: float) -> bool:
        return await self._rooms.wait(room, after, timeout_s)

    async def history(self, room: str, before: int, limit: int) -> tuple[Event, ...]:
        rows = await self._pool.fetch_with_epoch(SQL["history"], room, before, limit)
        return tuple(event_of(row) for row in reversed(rows))

    async def claim_name(self, name: str, user: str, now_ms: int, until_ms: int) -> bool:
        claiming = self._pool.fetch(SQL["claim"], name_key(name), user, now_ms, until_ms)
        ((claimed,),) = await self._commands.run(claiming)
        return bool(claimed)

    async def join(self, lease: Lease, limits: Limits) -> Event | None:
        return await self._update_lease(SQL["join"], lease, limits)

    async def touch(self, lease: Lease, limits: Limits) -> Event | None:
        return await self._update_lease(SQL["touch"], lease, limits)

    async def release(self, lease: Lease) -> Event | None:
        fields = (lease.room, lease.user, lease.connection, lease.seen_ms, lease.holder, name_key(lease.name))
        events = await self._change(SQL["release"], *fields)
        return events[0] if events else None

    async def now_ms(self) -> int:
        return int((await self._pool.fetch(SQL["now"]))[0][0])

    async def expire(self, now_ms: int, lease_ms: int) -> Sequence[Event]:
        await self._pool.fetch(SQL["shorten_leases"], now_ms + lease_ms)
        await self._pool.fetch(SQL["shorten_claims"], now_ms + lease_ms)
        expired = await self._pool.fetch(SQL["expired"], now_ms)
        await self._pool.fetch(SQL["delete_connections"], now_ms - DELETE_AFTER_MS)
        await self._pool.fetch(SQL["delete_names"], now_ms)
        events: list[Event] = []
        with suppress(Unavailable):  # return what was appended; the others expire at the next call
            for room, user, seen_ms in expired:
                events += await self._change(SQL["go_offline"], room, user, now_ms, seen_ms)
        return events

    async def is_member(self, room: str, user: str) -> bool:
        ((is_member,),) = await self._pool.fetch(SQL["is_member"], room, user)
        return bool(is_member)

    async def members(self, room: str, limit: int) -> dict[Member, int]:
        rows = await self._pool.fetch(SQL["members"], room, limit)
        members = [(Member(*fields), up_to) for *fields, up_to in rows]
        return dict(sorted(members, key=lambda row: (row[0].name, row[0].user)))

    async def close(self) -> None:
        self._rooms.close()
        await self._commands.close()
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._pool.close()

    async def _update_lease(self, statement: str, lease: Lease, limits: Limits) -> Event | None:
        try:
            events = await self._change(statement, *astuple(lease), name_key(lease.name), *limits)
        except Declined as declined:
            raise refusal(declined.code, lease, limits) from None
        return events[0] if events else None

    async def _change(self, statement: str, *arguments: object) -> list[Event]:
        """Run a statement that may append to one room, to its end; return the appended events."""
        return await self._commands.run(self._append_and_hint(statement, *arguments))

    async def _append_and_hint(self, statement: str, *arguments: object) -> list[Event]:
        """Run a statement, and note its events before another result can bring another epoch."""
        events = [event_of(row) for row in await self._pool.fetch_with_epoch(statement, *arguments)]
        for event in events:
            self._rooms.advance(event.room, event.seq)
            self._listener.hint(event.room, event.seq)
        return events
