"""One user's chat session over any transport: the part of a chat client that is the same for all transports.

Teaches that a lost connection costs time and nothing else. A command is repeated under the same client_id until it is
acknowledged, and reading continues after the cursor. stamina repeats the attempts. The pauses between them come from
`Backoff`, or from the server if it asks for longer ones.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from typing import Self, TypeGuard, TypeVar

import stamina

from clients.backoff import Backoff
from clients.cancellation import cancel
from clients.connection import HEARTBEATS_PER_LEASE, ChatConnection
from clients.errors import ClientError, ConnectionLost, Refused
from clients.http_session import HttpSession, Options
from clients.inbox import Inbox
from clients.room_view import RoomView
from servers.core.wire import Account, Ack, Event, Kind, MarkRead, Page, Send, Snapshot, SocketCommand, Typing

GIVE_UP_S = 60.0
LEAVE_S = 2.0
UNREAD_MAX = 4000
"""How many events may wait for a reader (16 MB of the longest). Above that no page is received: the server keeps it."""
REMEMBERED = 1000
"""How many messages' ids are kept: more than a snapshot has, so that none of them comes again from a new log."""
Result = TypeVar("Result")


async def log_in(
    transport: str, base_url: str, room: str, name: str, token: str = "", options: Options | None = None
) -> "ChatSession":
    """Return a session that is logged in as `name` and has not joined. Raises Refused, ConnectionLost."""
    http = HttpSession(base_url, room, options or Options())
    try:
        account = await http.log_in(transport, name, token)
    except BaseException:
        await http.close()
        raise
    return ChatSession(account, http, import_module(f"clients.{transport}").Connection(http))


class ChatSession:
    """One user in one room. An async context manager: entering joins, leaving leaves.

    view: what this client knows of the room. inbox: its position in the log. connected: False from the moment the
    connection is found lost until it has been opened again.
    """

    def __init__(self, account: Account, http: HttpSession, connection: ChatConnection) -> None:
        self.account = account
        self.room = http.room
        self.connected = False
        self._http = http
        self._connection = connection
        self._reconnecting = self._new_backoff()
        self._delivered: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self._unread: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._has_room = asyncio.Event()
        self._receiving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            self._enter(await self._connection.open(None))
        except BaseException:
            await self.close()
            raise
        self._receiving = asyncio.create_task(self._receive())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave the room, which also frees the name, and close every connection; waits, at most about LEAVE_S."""
        if self._receiving is not None:
            await cancel(self._receiving)
        with suppress(ClientError, TimeoutError):  # a lease that cannot be released expires
            async with asyncio.timeout(LEAVE_S):
                await self._connection.leave()
        await self._http.close()
        self._unread.put_nowait(None)

    async def send(self, text: str, client_id: str | None = None) -> Ack:
        """Send a message; return its sequence number and time once it is committed. Retries under one client_id."""
        return await self._post(Send(client_id or secrets.token_hex(8), text))

    async def typing(self, active: bool = True) -> None:
        """Notify the others that the user types, or has stopped; once, since a late notice is no longer true."""
        await self._connection.post(Typing(active))

    async def mark_read(self, up_to: int) -> None:
        """Notify the others that the user has read everything up to and including seq `up_to`."""
        await self._post(MarkRead(up_to))

    async def events(self) -> AsyncIterator[Event]:
        """Yield every event after joining, in order, each once; waits, and ends when the session is closed.

        Raises Refused if the server does not accept this client any more.
        """
        while (event := await self._unread.get()) is not None:
            if self._unread.qsize() <= UNREAD_MAX / 2:
                self._has_room.set()
            if isinstance(event, Exception):
                raise event
            yield event

    def _enter(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._delivered.extend(map(_id_of, snapshot.messages))
        self.view = RoomView(snapshot)
        self.inbox = Inbox(snapshot.cursor)
        self.connected = True

    async def _receive(self) -> None:
        try:
            while True:
                await self._receive_page()
        except Exception as error:  # also an unexpected one: without it, the reader would see a silent room
            self.connected = False
            self._unread.put_nowait(error)

    async def _receive_page(self) -> None:
        try:
            if self._unread.qsize() >= UNREAD_MAX:
                self._has_room.clear()
                await self._connection.pause(self._has_room, self.snapshot.lease_s / HEARTBEATS_PER_LEASE)
            await self._deliver(await self._connection.receive(self.inbox))
            self._reconnecting.reset()  # only now: a connection that opens and then brings no page has failed
        except ClientError as error:
            if not is_temporary(error):
                raise
            await self._reconnect(error)

    async def _deliver(self, page: Page) -> None:
        events = self.inbox.feed(page)
        if self.inbox.lost_log:
            self.connected = False
            delivered = set(self._delivered)
            self._enter(await self._retry(lambda: self._connection.open(None)))
            events = [event for event in self.snapshot.messages if _id_of(event) not in delivered]
        self._delivered.extend(_id_of(event) for event in events if event.kind is Kind.MESSAGE)
        self.view.apply(events, time.monotonic())
        for event in events:
            self._unread.put_nowait(event)

    async def _reconnect(self, error: ClientError) -> None:
        """Open the connection again and continue after the cursor; tries until it succeeds or is refused."""
        self.connected = False
        await asyncio.sleep(max(self._reconnecting.next_s(), error.retry_after_s))
        await self._retry(lambda: self._connection.open(self.inbox), backoff=self._reconnecting)
        self.connected = True

    async def _post(self, command: SocketCommand) -> Ack:
        return await self._retry(lambda: self._connection.post(command), GIVE_UP_S)

    async def _retry(
        self, attempt: Callable[[], Awaitable[Result]], give_up_s: float | None = None, backoff: Backoff | None = None
    ) -> Result:
        """Repeat `attempt` until it succeeds. Raises its last error if a retry cannot help, or after `give_up_s`."""
        backoff = backoff or self._new_backoff()

        def pause_s(error: Exception) -> float | bool:
            return max(backoff.next_s(), error.retry_after_s) if is_temporary(error) else False

        return await stamina.AsyncRetryingCaller(attempts=None, timeout=give_up_s)(pause_s, attempt)

    def _new_backoff(self) -> Backoff:
        return Backoff(self._http.options.backoff_s, self._http.options.backoff_max_s)


def _id_of(message: Event) -> tuple[str, str]:
    """Return what identifies a message in every log: after a failover, a new log may contain it, too."""
    return message.sender, message.client_id


def is_temporary(error: Exception) -> TypeGuard[ClientError]:
    """Return whether a later attempt may succeed.

    A lost connection can be opened again. `too_many`: the server soon stops to count connections that were lost.
    `not_joined`: the lease has expired, and the client joins again when it next receives.
    """
    if isinstance(error, Refused):
        return error.code in ("too_many", "not_joined")
    return isinstance(error, ConnectionLost)
