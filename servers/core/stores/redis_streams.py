"""A store that several processes share: Redis, each room a stream, each change of it one script.

Teaches that a log with gap-free numbers needs no lock where commands run one by one: a script takes the next number and
adds the entry `<seq>-0` (XADD) with nothing in between. Streams are bounded: a room keeps its newest 10,000 events
(`?kept=` in the URL sets another number), a cursor further back gets a gap, history ends there, and a retried
send is recognised only as long. Acknowledged means on the disk of this Redis if it runs with `appendonly yes` and
`appendfsync always`; with `everysec` it survives a killed Redis, but a crashed machine loses up to a second. A failover
may lose the end of the log, since replicas follow with a delay: a promoted replica gives it a new epoch before anything
is added. Another loss of the end (a crashed machine, an old backup, a replica that was restarted since it was promoted)
is detected only while the log ends before what a running server has seen. Leaves out Redis Cluster, where no script
spans rooms and names.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from msgspec.structs import astuple

from servers.addresses import without_passwords
from servers.core.errors import Unavailable
from servers.core.store import Lease, Limits, OnCommit
from servers.core.stores.followed_rooms import FollowedRooms
from servers.core.stores.redis_reader import RedisReader
from servers.core.stores.redis_script import RedisScript
from servers.core.stores.refusals import NO_LIMITS, Declined, UnknownLayout, refusal, require_layout
from servers.core.stores.shielded import Shielded
from servers.core.validation import name_key
from servers.core.wire import Cursor, Draft, Event, Member, Page, decode, encode

KEPT = 10_000
EXPIRE_MAX = 100


async def open_url(url: str) -> "RedisStreamsStore":
    """Open the Redis that `redis://host:port/database` names. Raises ValueError if it does not respond.

    With TLS, `rediss://`; then `?ssl_ca_certs=` and the like go to the driver.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    kept = options.pop("kept", str(KEPT))
    has_tls_options = parts.scheme == "rediss" and all(name.startswith("ssl_") for name in options)
    database = parts.path.strip("/") or "0"  # the driver would read any other text as 0
    has_numbers = kept.isdecimal() and int(kept) > 0 and database.isdecimal()
    has_address = False
    with suppress(ValueError):  # whose message quotes what is no port, which may be a part of the password
        has_address = bool(parts.hostname) and parts.port != 0
    if not has_address or not has_numbers or (options and not has_tls_options):
        expected = "redis://host:port/database, with ?kept= a number above 0, or rediss:// with ?ssl_...= as well"
        raise ValueError(f"store: expected {expected}, got {without_passwords(url)!r}")
    store = RedisStreamsStore(parts._replace(query=urlencode(options)).geturl(), int(kept))
    try:
        await store.start()
    except (Unavailable, UnknownLayout) as error:
        await store.close()
        fault = error.__cause__ or error
        raise ValueError(
            f"store: cannot open {parts.scheme}://{parts.hostname}: {type(fault).__name__}: {fault}"
        ) from error
    return store


class RedisStreamsStore:
    """A Store in Redis: a pool of connections for commands, and one that reads the streams."""

    def __init__(self, url: str, kept: int) -> None:
        self._rooms = FollowedRooms(self.heads, self.start_new_epoch)
        self._script = RedisScript(url, kept, self._rooms.set_epoch)
        self._reader = RedisReader(url, self._script, self._rooms)
        self._commands = Shielded()
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the epoch, try every command, and begin to follow the streams. Raises Unavailable or UnknownLayout."""
        await self._script.check_durability()
        (layout,) = await self._script.run("epoch")
        require_layout(layout.decode(), "delete its keys chat:*")
        await self._script.rehearse()
        self._following = asyncio.create_task(self._reader.follow())

    @property
    def epoch(self) -> str:
        return self._rooms.epoch

    def follow(self, on_commit: OnCommit) -> bool:
        return False

    async def append(self, room: str, draft: Draft) -> Event:
        once = f"{draft.sender}\0{draft.client_id}" if draft.client_id else ""
        event = await self._commands.run(self._change(room, "append", room, draft.kind, encode(draft), once))
        assert event is not None
        return event

    async def mark_read(self, room: str, draft: Draft) -> Event | None:
        marking = self._change(room, "mark_read", room, draft.sender, draft.body, encode(draft))
        return await self._commands.run(marking)

    async def read(self, room: str, after: Cursor, limit: int) -> Page:
        start, entries = await self._script.run("read", room, after.epoch, after.seq, limit)
        events = tuple(_entry(room, entry) for entry in entries)
        if events and events[0].seq > start + 1:  # earlier events are no longer kept
            start = events[0].seq - 1
        return Page(self.epoch, start, events[-1].seq if events else start, events)

    async def head(self, room: str) -> Cursor:
        heads = await self.heads([room])
        return Cursor(self.epoch, heads[room])

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        """Return the last seq of each room's log."""
        (seqs,) = await self._script.run("heads", *rooms)
        return dict(zip(rooms, seqs, strict=True))

    async def start_new_epoch(self, epoch: str) -> None:
        """Give the logs a new epoch, if `epoch` is still theirs."""
        await self._script.run("start_new_epoch", epoch)

    async def wait(self, room: str, after: Cursor, timeout_s: float) -> bool:
        return await self._rooms.wait(room, after, timeout_s)

    async def history(self, room: str, before: int, limit: int) -> tuple[Event, ...]:
        (entries,) = await self._script.run("history", room, before, limit)
        return tuple(_entry(room, entry) for entry in reversed(entries))

    async def claim_name(self, name: str, user: str, now_ms: int, until_ms: int) -> bool:
        claiming = self._script.run("claim", name_key(name), user, now_ms, until_ms)
        return bool((await self._commands.run(claiming))[0])

    async def join(self, lease: Lease, limits: Limits) -> Event | None:
        return await self._update_lease("join", lease, limits)

    async def touch(self, lease: Lease, limits: Limits) -> Event | None:
        return await self._update_lease("touch", lease, limits)

    async def release(self, lease: Lease) -> Event | None:
        return await self._update_lease("release", lease)

    async def now_ms(self) -> int:
        return int((await self._script.run("now"))[0])

    async def expire(self, now_ms: int, lease_ms: int) -> Sequence[Event]:
        events: list[Event] = []
        has_more = True
        with suppress(Unavailable):
            while has_more:
                has_more, gone = await self._commands.run(self._expire(now_ms, lease_ms))
                events += gone
        return events

    async def is_member(self, room: str, user: str) -> bool:
        return bool((await self._script.run("is_member", room, user))[0])

    async def members(self, room: str, limit: int) -> dict[Member, int]:
        (rows,) = await self._script.run("members", room, limit)
        members = [
            (Member(user.decode(), name.decode(), bool(online), int(seen_ms)), int(up_to))
            for user, name, online, seen_ms, up_to in rows
        ]
        return dict(sorted(members, key=lambda row: (row[0].name, row[0].user)))

    async def close(self) -> None:
        self._rooms.close()
        await self._commands.close()
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._reader.close()
        await self._script.close()

    async def _update_lease(self, command: str, lease: Lease, limits: Limits = NO_LIMITS) -> Event | None:
        room, user, name, connection, seen_ms, expires_at_ms, holder = astuple(lease)
        fields = (room, user, name, name_key(name), connection, seen_ms, expires_at_ms, holder)
        try:
            return await self._commands.run(self._change(room, command, *limits, *fields))
        except Declined as declined:
            raise refusal(declined.code, lease, limits) from None

    async def _change(self, room: str, command: str, *arguments: str | int | bytes) -> Event | None:
        """Run a command that may append to a room; return the appended event."""
        appended = await self._script.run(command, *arguments)
        return self._event(room, *appended) if appended else None

    async def _expire(self, now_ms: int, lease_ms: int) -> tuple[bool, list[Event]]:
        has_more, rows = await self._script.run("expire", now_ms, now_ms + lease_ms, EXPIRE_MAX)
        return bool(has_more), [self._event(room.decode(), seq, draft) for room, seq, draft in rows]

    def _event(self, room: str, seq: int, draft: bytes) -> Event:
        """Return an event that was just committed, and note it before another response can bring another epoch."""
        self._rooms.advance(room, seq)
        return Event(room, seq, *astuple(decode(draft, type=Draft)))


def _entry(room: str, entry: Any) -> Event:
    """Return the event of a stream's entry: its id, then its fields as a flat list (kind, its value, draft, ...)."""
    entry_id, fields = entry
    seq = int(entry_id.partition(b"-")[0])
    return Event(room, seq, *astuple(decode(fields[3], type=Draft)))
