"""The use cases: what a user can do, whatever the transport. Servers call nothing deeper than this.

Teaches that the transports share everything but the waiting: see `read`, `wait_and_read`, `follow` and `on_commit`.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress

from servers.core import validation
from servers.core.auth import Identity, Tokens
from servers.core.clock import Clock
from servers.core.errors import BadRequest, NameTaken, Unauthenticated, Unavailable
from servers.core.held_lease import HeldLease
from servers.core.presence import Connection, Presence
from servers.core.quotas import RateLimit
from servers.core.room_feed import EncodedPage, Push, encode_page, fitting
from servers.core.room_feeds import RoomFeeds
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.supervised_retry import supervised_retry
from servers.core.wire import (
    Account,
    Ack,
    Cursor,
    Draft,
    Event,
    Head,
    Kind,
    Leave,
    MarkRead,
    Send,
    Snapshot,
    SocketCommand,
    Typing,
    encode,
)

PUBLISHED_AT_ONCE = 64
"""Departures: fewer than the 100 connections of the publisher's HTTP client, so that messages need not wait."""


class Chat:
    """One chat over one store. Use `running()` around it: it sweeps leases and follows the store meanwhile.

    stopping: from now on no call waits for events. on_commit: awaited inside every call that commits an event.
    on_sweep: awaited before leases are swept, to renew some of them. on_close: awaited before the store is closed.
    """

    def __init__(self, store: Store, tokens: Tokens, clock: Clock, settings: Settings) -> None:
        self.settings = settings
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._presence = Presence(store, clock, settings, tokens.network_of)
        self._rate_limit = RateLimit(clock, settings.commands_per_s, settings.commands_burst)
        self._feeds = RoomFeeds(store, settings, self._presence.on_foreign_event)
        self.stopping = False
        self.on_commit: Callable[[Event], Awaitable[None]] | None = None
        self.on_sweep: Callable[[], Awaitable[None]] | None = None
        self.on_close: Callable[[], Awaitable[None]] | None = None
        self._swept_s = clock.monotonic_s()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweep leases until the block ends, then end every task and close the store."""
        sweeping = asyncio.create_task(supervised_retry(self._pause_and_sweep, self.settings.sweep_s))
        try:
            yield
        finally:
            self.stop_waiting()
            sweeping.cancel()
            await asyncio.gather(sweeping, self._feeds.close(), return_exceptions=True)
            if self.on_close:
                await self.on_close()
            await self._store.close()

    @property
    def epoch(self) -> str:
        """The epoch of the log, as in every cursor."""
        return self._store.epoch

    def stop_waiting(self) -> None:
        """End all waiting, now and from now on: the server is stopping."""
        self.stopping = True
        self._feeds.wake()

    async def log_in(self, name: str, token: str | None = None, network: str = "") -> Account:
        """Return an account for a display name; with a valid token of that name, the same user's.

        network: where the request comes from. Raises BadRequest for an unfit name, NameTaken if somebody else is using
        it, TooMany for too many log-ins from the network.
        """
        self._rate_limit.check(network)
        name = validation.check_name(name, self.settings.name_max)
        user = self._user_of(token, name) or self._tokens.new_user(network)
        now_ms = await self._presence.now_ms()
        until_ms = now_ms + int(self.settings.renewed_lease_s * 1000)
        if not await self._store.claim_name(name, user, now_ms, until_ms):
            raise NameTaken(f"name {name!r}: in use by somebody else; choose another, or bring its token")
        return self._tokens.issue(user, name)

    def verify(self, token: str) -> Identity:
        """Return who the token belongs to; raises Unauthenticated."""
        return self._tokens.verify(token)

    def token_left_s(self, identity: Identity) -> float:
        """Return for how many seconds the identity's token is still valid."""
        return (identity.expires_at_ms - self._clock.now_ms()) / 1000

    async def join(self, identity: Identity, room: str, connection: str, holder: str = "") -> Snapshot:
        """Enter a room with one connection, or come back to it, and return the room as it is now. Raises ChatError.

        holder: the socket that joins, if there is one.
        """
        joining = self._connection(identity, room, connection)
        self._rate_limit.check(identity.user)
        with self._presence.joining(joining):
            if self.settings.on_demand:  # otherwise users who are gone might count for the limits of rooms
                await self._sweep_if_due()
            event = await self._presence.join(joining, holder)
        await self._after_commit(event)
        head = await self._store.head(room)
        members, messages = await asyncio.gather(
            self._store.members(room, self.settings.snapshot_members),
            self._store.history(room, head.seq + 1, self.settings.snapshot_messages),
        )
        receipts = {member.user: up_to for member, up_to in members.items() if up_to}
        return Snapshot(head.epoch, head.seq, self.settings.lease_s, tuple(members), receipts, self._newest(messages))

    async def renew_lease(
        self, identity: Identity, room: str, connection: str, recent_s: float | None = None, holder: str = ""
    ) -> None:
        """Renew the connection's lease. Raises NotJoined. Does nothing if it was renewed within `recent_s`.

        On demand, this also sweeps all leases if that is due, since nothing runs between requests. holder: the stream
        or socket that opens for it, perhaps at a push service.
        """
        if event := await self._presence.renew(self._connection(identity, room, connection), holder, recent_s):
            await self._after_commit(event)
        if self.settings.on_demand:
            await self._sweep_if_due()

    async def heartbeat(self, identity: Identity, room: str, connection: str) -> Head:
        """Renew the connection's lease, and return the room's head. Raises NotJoined.

        A heartbeat that comes a little early renews, too: otherwise it would have no effect, and the next may be lost.
        """
        await self.renew_lease(identity, room, connection, self.settings.late_s)
        if self.settings.on_demand:
            head = await self._store.head(room)
        else:
            head = (await self._feeds.open(room)).head
        return Head(head.epoch, head.seq)

    def keep_online(self, identity: Identity, room: str, connection: str) -> AbstractContextManager[HeldLease]:
        """Renew the connection's lease for as long as the block runs; yields the held lease. Raises TooMany."""
        return self._presence.keep_online(self._connection(identity, room, connection))

    @asynccontextmanager
    async def connected(self, identity: Identity, room: str, connection: str) -> AsyncIterator[HeldLease]:
        """Like `keep_online`, for a stream or socket: the end of the block releases the lease, if it still holds it.

        A server that stops closes all of them itself: those users have not left, and reconnect before their leases end.
        """
        held: HeldLease | None = None
        try:
            with self.keep_online(identity, room, connection) as held:
                held.holder = secrets.token_hex(8)
                yield held
        finally:
            if held is not None and not held.ended and not self.stopping:
                with suppress(Unavailable):  # the lease then expires
                    await self.leave(identity, room, connection, held.holder)

    async def leave(self, identity: Identity, room: str, connection: str, holder: str = "") -> Event | None:
        """End one connection's lease now, unless another holds it; return the "offline" event, if it was the last."""
        event = await self._presence.release(self._connection(identity, room, connection), holder)
        await self._after_commit(event)
        return event

    async def names(self, room: str) -> dict[str, str]:
        """Return the display names of a room's members by their ids: of those online, and of those seen last."""
        return {member.user: member.name for member in await self._store.members(room, self.settings.snapshot_members)}

    async def require_member(self, identity: Identity, room: str) -> None:
        """Raise NotJoined unless the user has joined the room."""
        validation.check_room(room)
        await self._presence.require(identity, room)

    async def execute(self, identity: Identity, room: str, command: SocketCommand) -> Ack:
        """Execute a command; return once its event is committed. Raises ChatError."""
        await self.require_member(identity, room)
        if not isinstance(command, Leave):
            self._rate_limit.check(identity.user)
        event: Event | None
        match command:
            case Send(client_id=client_id, text=text):
                validation.check_id("client_id", client_id, self.settings)
                validation.check_text(text, self.settings)
                event = await self._commit(identity, room, Kind.MESSAGE, text, client_id)
            case Typing(active=active):  # the notice expires: a client that is gone cannot withdraw it
                body, lasts_s = ("started", self.settings.typing_s) if active else ("stopped", 0.0)
                event = await self._commit(identity, room, Kind.TYPING, body, lasts_s=lasts_s)
            case MarkRead(up_to=up_to):  # one number for each reader, not one mark for each message
                head = await self._store.head(room)
                if not 1 <= up_to <= head.seq:
                    raise BadRequest(f"up_to: expected a sequence number from 1 to {head.seq}, got {up_to}")
                event = await self._commit(identity, room, Kind.RECEIPT, str(up_to))
            case Leave(connection=connection):
                event = await self.leave(identity, room, connection)
        return Ack(command.ref, event.seq, event.at_ms) if event else Ack(command.ref)

    async def read(self, room: str, after: Cursor) -> EncodedPage:
        """Return the events after the cursor, at once. Raises BadRequest for a cursor beyond the end of the log."""
        if not self.settings.on_demand:  # otherwise another instance may have committed events that our feed lacks
            feed = self._feeds.get(room) or await self._feeds.open(room)
            page = feed.page(after)
            if page is not None:
                return page
        head = await self._store.head(room)
        if after.epoch == head.epoch and after.seq > head.seq:
            raise BadRequest(f"after: the room's log ends before {after}; join again")
        page_read = await self._store.read(room, after, self.settings.page_max)
        return encode_page(page_read, self.settings.page_bytes_max)

    async def wait_and_read(self, room: str, after: Cursor, timeout_s: float) -> EncodedPage:
        """Return the events after the cursor as soon as there are any; an empty page after `timeout_s`."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        page = await self.read(room, after)
        feed = await self._feeds.open(room)
        while page.next == after and not self.stopping:
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                break
            await feed.wait(after, left_s)
            page = feed.page(after) or await self.read(room, after)
        return page

    async def follow(self, room: str, after: Cursor, push: Push) -> None:
        """Push every new page as it comes, until `push` returns False. See RoomFeed.follow."""
        await (await self._feeds.open(room)).follow(after, push)

    async def history(self, identity: Identity, room: str, before: int, limit: int) -> tuple[Event, ...]:
        """Return the last messages below seq `before`, oldest first."""
        await self.require_member(identity, room)
        if before < 1 or not 1 <= limit <= self.settings.page_max:
            raise BadRequest(f"history: expected before >= 1 and 1 <= limit <= {self.settings.page_max}")
        return self._newest(await self._store.history(room, before, limit))

    def _newest(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Return the last events that fit into a page."""
        newest_first = (encode(event) for event in reversed(events))
        count = fitting(newest_first, self.settings.page_bytes_max)
        return events[len(events) - count :]

    def _user_of(self, token: str | None, name: str) -> str | None:
        with suppress(Unauthenticated):
            identity = self._tokens.verify(token or "")
            return identity.user if identity.name == name else None
        return None

    def _connection(self, identity: Identity, room: str, connection: str) -> Connection:
        """Return the connection that holds a lease; raises BadRequest for a malformed room or id."""
        validation.check_room(room)
        validation.check_id("connection", connection, self.settings)
        return Connection(room, identity.user, identity.name, connection)

    async def _commit(
        self, identity: Identity, room: str, kind: Kind, body: str, client_id: str = "", lasts_s: float | None = None
    ) -> Event | None:
        now_ms = self._clock.now_ms()
        expires_at_ms = None if lasts_s is None else now_ms + int(lasts_s * 1000)
        draft = Draft(kind, identity.user, identity.name, body, now_ms, client_id, expires_at_ms)
        event = await (self._store.mark_read if kind is Kind.RECEIPT else self._store.append)(room, draft)
        await self._after_commit(event)
        return event

    async def _after_commit(self, event: Event | None) -> None:
        if event is not None:
            self._feeds.offer(event)
            if self.on_commit:
                await self.on_commit(event)

    async def _pause_and_sweep(self) -> None:
        await asyncio.sleep(self.settings.sweep_s)
        if not self.settings.on_demand or self._presence.has_open_connections:
            await self._sweep_leases()

    async def _sweep_if_due(self) -> None:
        if self._clock.monotonic_s() - self._swept_s >= self.settings.sweep_s:
            await self._sweep_leases()

    async def _sweep_leases(self) -> None:
        """Renew the leases of open connections, and publish who has gone offline because a lease expired."""
        self._swept_s = self._clock.monotonic_s()
        if self.on_sweep:
            await self.on_sweep()
        bound = asyncio.Semaphore(PUBLISHED_AT_ONCE)

        async def publish(event: Event) -> None:
            async with bound:
                await self._after_commit(event)

        await asyncio.gather(*map(publish, await self._presence.sweep()))
