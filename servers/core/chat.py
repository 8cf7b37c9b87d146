"""The use cases: what a user can do, whatever the transport. Servers call nothing deeper than this.

Teaches that the transports share everything but the waiting: `since` answers at once, `until_news` holds one answer
back, `follow` stays for as long as the line is open, and `announcing` lets somebody else's server do it.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress

from servers.core import drafts, limits
from servers.core.auth import Identity, Tokens
from servers.core.clock import Clock
from servers.core.errors import BadRequest, NameTaken, Unauthenticated
from servers.core.presence import Presence
from servers.core.room_feed import EncodedPage, Push, encode_page
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
    Leave,
    MarkRead,
    Send,
    Snapshot,
    SocketCommand,
    Typing,
)

Announce = Callable[[Event], Awaitable[None]]
Closing = Callable[[], Awaitable[None]]


async def _nobody(event: Event) -> None:
    """Announce to nobody: whoever wants the event asks for it."""


async def _nothing() -> None:
    """Close nothing."""


class Chat:
    """One chat over one store. Use `running()` around it: it tends leases and follows the store meanwhile."""

    def __init__(self, store: Store, tokens: Tokens, clock: Clock, settings: Settings) -> None:
        self.settings = settings
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._presence = Presence(store, clock, settings)
        self._feeds = RoomFeeds(store, settings, self._presence.hear)
        self._announce: Announce = _nobody
        self._closing: Closing = _nothing
        self._stopping = False
        self._tended_s = clock.monotonic_s()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tend leases until the block ends, then end every task and close the store."""
        tending = asyncio.create_task(supervised_retry(self._tend, self.settings.tend_s))
        try:
            yield
        finally:
            self.stop_waiting()
            tending.cancel()
            await asyncio.gather(tending, self._feeds.close(), return_exceptions=True)
            await self._closing()
            await self._store.close()

    @property
    def epoch(self) -> str:
        """The epoch of the log, as in every cursor."""
        return self._store.epoch

    @property
    def stopping(self) -> bool:
        """Whether all who wait have been answered for good: the server is stopping."""
        return self._stopping

    def announcing(self, announce: Announce, closing: Closing) -> None:
        """Await `announce(event)` inside every call that commits an event; await `closing()` at the end."""
        self._announce, self._closing = announce, closing

    def stop_waiting(self) -> None:
        """Answer all who wait, now and from now on: the server is stopping."""
        self._stopping = True
        self._feeds.wake()

    async def log_in(self, name: str, token: str | None = None) -> Account:
        """Return an account for a display name; with a valid token of that name, the same user's.

        Raises BadRequest for an unfit name, NameTaken if somebody else is using it.
        """
        name = limits.check_name(name, self.settings)
        user = self._user_of(token, name) or secrets.token_hex(8)
        now_ms = self._clock.now_ms()
        if not await self._store.claim_name(name, user, now_ms, now_ms + int(self.settings.lease_s * 1000)):
            raise NameTaken(f"name {name!r}: in use by somebody else; choose another, or bring its token")
        return self._tokens.issue(user, name)

    def verify(self, token: str) -> Identity:
        """Return who the token belongs to; raises Unauthenticated."""
        return self._tokens.verify(token)

    def token_left_s(self, identity: Identity) -> float:
        """Return for how many seconds the identity's token is still valid."""
        return (identity.expires_at_ms - self._clock.now_ms()) / 1000

    async def join(self, identity: Identity, room: str, connection: str) -> Snapshot:
        """Enter a room with one connection, or come back to it, and return the room as it is now."""
        limits.check_room(room)
        limits.check_id("connection", connection, self.settings)
        await self._tell(await self._presence.join(identity, room, connection))
        head = await self._store.head(room)
        members, furthest, messages = await asyncio.gather(
            self._store.members(room),
            self._store.receipts(room),
            self._store.history(room, head.seq + 1, self.settings.snapshot_messages),
        )
        return Snapshot(head.epoch, head.seq, self.settings.lease_s, members, furthest, messages)

    async def renew_lease(self, identity: Identity, room: str, connection: str) -> None:
        """Renew the connection's lease. Raises NotJoined; touches nothing if it was renewed a moment ago.

        On demand, this is also where all leases are tended, since nothing else runs between requests.
        """
        if event := await self._presence.renew(identity, room, connection):
            await self._tell(event)
        if self.settings.on_demand:
            await self._tend_if_due()

    async def take_line(self, identity: Identity, room: str, connection: str) -> None:
        """Renew the connection's lease for a line that opens here, to end with it. Raises NotJoined."""
        await self._tell(await self._presence.take(identity, room, connection))

    async def heartbeat(self, identity: Identity, room: str, connection: str) -> Head:
        """Renew the connection's lease, and return the room's head. Raises NotJoined."""
        await self.renew_lease(identity, room, connection)
        if self.settings.on_demand:
            head = await self._store.head(room)
        else:
            head = (await self._feeds.open(room)).head
        return Head(head.epoch, head.seq)

    def held(self, identity: Identity, room: str, connection: str) -> AbstractContextManager[None]:
        """Keep the user online for as long as the block waits. Raises TooMany."""
        return self._presence.held(identity, room, connection)

    async def leave(self, identity: Identity, room: str, connection: str) -> Event | None:
        """End one connection's lease now; return the "offline" event, if it was the user's last."""
        event = await self._presence.release(identity, room, connection)
        await self._tell(event)
        return event

    async def hang_up(self, identity: Identity, room: str, connection: str) -> None:
        """End a lease because its line has ended; a newer line of the same connection keeps it.

        A server that stops cuts the lines itself: whoever was on them has not left, and will be back before the lease
        runs out, here or elsewhere.
        """
        if limits.is_room(room) and not self._stopping:
            await self._tell(await self._presence.hang_up(identity, room, connection))

    async def require_member(self, identity: Identity, room: str) -> None:
        """Raise NotJoined unless the user has joined the room."""
        limits.check_room(room)
        await self._presence.require(identity, room)

    async def carry_out(self, identity: Identity, room: str, command: SocketCommand) -> Ack:
        """Do what a command asks; return once its event is committed. Raises ChatError."""
        await self.require_member(identity, room)
        event: Event | None
        match command:
            case Send():
                event = await self._commit(room, self._message(identity, command))
            case Typing(active=active):
                draft = drafts.typing_notice(identity, active, self._clock.now_ms(), self.settings.typing_s)
                event = await self._commit(room, draft)
            case MarkRead(up_to=up_to):
                event = await self._mark_read(identity, room, up_to)
            case Leave(connection=connection):
                event = await self.leave(identity, room, connection)
        return Ack(command.ref, event.seq, event.at_ms) if event else Ack(command.ref)

    async def since(self, room: str, after: Cursor) -> EncodedPage:
        """Return what follows the cursor, at once. Raises BadRequest for a cursor beyond the log's end."""
        if not self.settings.on_demand:  # else a feed may not have heard yet what others like us have committed
            page = (self._feeds.get(room) or await self._feeds.open(room)).page(after)
            if page is not None:
                return page
        if after.epoch == self._store.epoch and after.seq > (await self._store.head(room)).seq:
            raise BadRequest(f"after: the room's log ends before {after}; join again")
        return encode_page(await self._store.read(room, after, self.settings.page_max))

    async def until_news(self, room: str, after: Cursor, timeout_s: float) -> EncodedPage:
        """Return what follows the cursor as soon as there is something; an empty page once `timeout_s` has passed."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        page, feed = await self.since(room, after), await self._feeds.open(room)
        while page.next == after and not self._stopping and (left_s := deadline_s - self._clock.monotonic_s()) > 0:
            await feed.news(after, left_s)
            page = feed.page(after) or await self.since(room, after)
        return page

    async def follow(self, room: str, after: Cursor, push: Push) -> None:
        """Push every new page as it comes, until the line falls behind. See RoomFeed.follow."""
        await (await self._feeds.open(room)).follow(after, push)

    async def history(self, identity: Identity, room: str, before: int, limit: int) -> tuple[Event, ...]:
        """Return the last messages below seq `before`, oldest first."""
        await self.require_member(identity, room)
        if before < 1 or not 1 <= limit <= self.settings.page_max:
            raise BadRequest(f"history: expected before >= 1 and 1 <= limit <= {self.settings.page_max}")
        return await self._store.history(room, before, limit)

    def _user_of(self, token: str | None, name: str) -> str | None:
        with suppress(Unauthenticated):
            identity = self._tokens.verify(token or "")
            return identity.user if identity.name == name else None
        return None

    def _message(self, identity: Identity, command: Send) -> Draft:
        limits.check_id("client_id", command.client_id, self.settings)
        limits.check_text(command.text, self.settings)
        return drafts.message(identity, command.text, command.client_id, self._clock.now_ms())

    async def _mark_read(self, identity: Identity, room: str, up_to: int) -> Event | None:
        head = await self._store.head(room)
        if not 1 <= up_to <= head.seq:
            raise BadRequest(f"up_to: expected a sequence number from 1 to {head.seq}, got {up_to}")
        if up_to <= (await self._store.receipts(room)).get(identity.user, 0):
            return None
        return await self._commit(room, drafts.receipt(identity, up_to, self._clock.now_ms()))

    async def _commit(self, room: str, draft: Draft) -> Event:
        event = await self._store.append(room, draft)
        await self._tell(event)
        return event

    async def _tell(self, event: Event | None) -> None:
        if event is not None:
            feed = self._feeds.get(event.room)
            if feed and feed.head.epoch == self._store.epoch:  # else it follows a log that is lost, and will find out
                feed.offer(event)
            await self._announce(event)

    async def _tend(self) -> None:
        await asyncio.sleep(self.settings.tend_s)
        if not self.settings.on_demand or self._presence.holds:
            await self._sweep_leases()

    async def _tend_if_due(self) -> None:
        if self._clock.monotonic_s() - self._tended_s >= self.settings.tend_s:
            await self._sweep_leases()

    async def _sweep_leases(self) -> None:
        """Renew the leases of those who hold a line, and tell of those whose leases have run out."""
        self._tended_s = self._clock.monotonic_s()
        for event in await self._presence.tend():
            await self._tell(event)
