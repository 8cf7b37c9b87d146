"""A store that several processes share: PostgreSQL, each room a row whose lock makes the order.

Teaches that a gap-free number is not enough: a reader that has seen 8 must never be shown a 7 later. So whoever appends
to a room keeps the lock of its row from taking the number until the commit, and the order of commits is the order of
numbers. Nothing is ever dropped from the log. Acknowledged means: on the disk of this server (`synchronous_commit`, on
by default) and, if it has synchronous standbys, on theirs. Another failover, or a restore to an earlier time, may lose
the end of the log; both begin a timeline (PostgreSQL, "Continuous Archiving and Point-in-Time Recovery"), and the first
append on it gives the log a new epoch. A dump loaded into another server begins none: it is noticed only while the log
ends before what a running server has seen. Leaves out poolers that share a connection between transactions.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import astuple

from servers.core.errors import Unavailable
from servers.core.store import FORGET_AFTER_MS, Lease
from servers.core.stores import postgres_pool as sql
from servers.core.stores.followed_rooms import FollowedRooms
from servers.core.stores.postgres_listener import PostgresListener
from servers.core.stores.postgres_pool import FAILURES, PostgresPool
from servers.core.stores.refusals import Declined
from servers.core.stores.shielded import Shielded
from servers.core.wire import Cursor, Draft, Event, Member, Page
from servers.redaction import without_passwords


async def open_url(url: str) -> "PostgresStore":
    """Open the database that `postgresql://user@host:port/name` names. Raises ValueError if it does not answer."""
    store = PostgresStore(url)
    try:
        await store.start()
    except (*FAILURES, ValueError) as error:
        await store.close()
        reason = "no such URL" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"store: expected a PostgreSQL at {without_passwords(url)!r}, got {reason}") from None
    return store


class PostgresStore:
    """A Store in PostgreSQL: a pool of connections that command, and one that listens."""

    def __init__(self, url: str) -> None:
        self._rooms = FollowedRooms(self, lambda: None)
        self._pool = PostgresPool(url, self._rooms.see)
        self._listener = PostgresListener(self._pool, self._rooms)
        self._commands = Shielded()
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the tables if need be, learn the epoch, and begin to listen. Raises one of FAILURES."""
        line = await self._pool.connect()
        try:
            await self._pool.prepare(line)
        finally:
            await line.close()
        await self._pool.open()
        self._following = asyncio.create_task(self._listener.follow())

    @property
    def epoch(self) -> str:
        return self._rooms.epoch

    async def append(self, room: str, draft: Draft) -> Event:
        kind, sender, name, body, at_ms, client_id, expires_at_ms = astuple(draft)
        arguments = (room, str(kind), sender, name, body.encode(), at_ms, client_id, expires_at_ms)
        (event,) = await self._change(sql.APPEND, *arguments)
        return event

    async def read(self, room: str, after: Cursor, limit: int) -> Page:
        rows = await self._pool.told(sql.READ, room, after.epoch, after.seq, limit)
        start = after.seq if after.epoch == self.epoch else 0
        events = tuple(sql.event(row) for row in rows if row[0] is not None)
        return Page(self.epoch, start, events[-1].seq if events else start, events)

    async def head(self, room: str) -> Cursor:
        heads = await self.heads([room])
        return Cursor(self.epoch, heads[room])

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        """Return where each room's log ends."""
        rows = await self._pool.told(sql.HEADS, list(rooms))
        return dict.fromkeys(rooms, 0) | {room: seq for room, seq in rows if room is not None}

    async def abandon(self, epoch: str) -> None:
        """Give the logs a new epoch, if this is theirs still."""
        await self._pool.rows(sql.ABANDON, epoch, sql.fresh_epoch())
        await self.heads([])

    async def wait(self, room: str, after: Cursor, timeout_s: float) -> bool:
        return await self._rooms.wait(room, after, timeout_s)

    async def history(self, room: str, before: int, limit: int) -> tuple[Event, ...]:
        return tuple(map(sql.event, reversed(await self._pool.told(sql.HISTORY, room, before, limit))))

    async def receipts(self, room: str) -> dict[str, int]:
        return dict(await self._pool.rows(sql.RECEIPTS, room))

    async def claim_name(self, name: str, user: str, now_ms: int, until_ms: int) -> bool:
        claiming = self._pool.rows(sql.CLAIM, name.casefold(), user, now_ms, until_ms)
        ((claimed,),) = await self._commands.run(claiming)
        return bool(claimed)

    async def join(self, lease: Lease, connections_max: int, rooms_max: int) -> Event | None:
        try:
            limits = (lease.name.casefold(), connections_max, rooms_max)
            return await self._presence(sql.JOIN, *astuple(lease), *limits)
        except Declined as declined:
            raise declined.told(lease, connections_max, rooms_max) from None

    async def touch(self, lease: Lease) -> Event | None:
        try:
            return await self._presence(sql.TOUCH, *astuple(lease), lease.name.casefold())
        except Declined as declined:
            raise declined.told(lease) from None

    async def release(self, lease: Lease) -> Event | None:
        return await self._presence(sql.RELEASE, lease.room, lease.user, lease.connection, lease.seen_ms, lease.holder)

    async def expire(self, now_ms: int) -> Sequence[Event]:
        run_out = await self._pool.rows(sql.RUN_OUT, now_ms)
        await self._pool.rows(sql.FORGET_CONNECTIONS, now_ms - FORGET_AFTER_MS)
        await self._pool.rows(sql.FORGET_NAMES, now_ms - FORGET_AFTER_MS)
        gone: list[Event] = []
        with suppress(Unavailable):
            for room, user, seen_ms in run_out:
                gone += await self._change(sql.GO_OFFLINE, room, user, now_ms, seen_ms)
        return gone

    async def is_member(self, room: str, user: str) -> bool:
        ((found,),) = await self._pool.rows(sql.IS_MEMBER, room, user)
        return bool(found)

    async def members(self, room: str) -> tuple[Member, ...]:
        found = [Member(*row) for row in await self._pool.rows(sql.MEMBERS, room)]
        return tuple(sorted(found, key=lambda member: (member.name, member.user)))

    async def close(self) -> None:
        self._rooms.close()
        await self._commands.close()
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._pool.close()

    async def _presence(self, statement: str, *arguments: object) -> Event | None:
        events = await self._change(statement, *arguments)
        return events[0] if events else None

    async def _change(self, statement: str, *arguments: object) -> list[Event]:
        """Run a statement that may append to one room, to its end; return what it appended."""
        return await self._commands.run(self._changed(statement, *arguments))

    async def _changed(self, statement: str, *arguments: object) -> list[Event]:
        """Take note of what is appended, while the epoch of its answer is the last seen, and hint at it."""
        events = [sql.event(row) for row in await self._pool.told(statement, *arguments)]
        for event in events:
            self._rooms.learn(event.room, event.seq)
            self._listener.hint(event.room, event.seq)
        return events
