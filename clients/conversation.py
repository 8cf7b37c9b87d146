"""One user's conversation over any transport: the part of a chat client that never differs.

Teaches what a line that breaks costs: nothing but time. A command is repeated under the same client_id until it is
acknowledged, and reading goes on from the cursor. Back-off is exponential with jitter (stamina).
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Self, TypeVar

import stamina

from clients.chat_client import ChatConnection, Options
from clients.errors import ClientError, ConnectionLost, Refused
from clients.http_session import HttpSession
from clients.inbox import Inbox
from clients.room_view import RoomView
from servers import transports
from servers.core.wire import Account, Ack, Event, MarkRead, Member, Page, Send, Snapshot, SocketCommand, Typing

UNREAD_MAX = 10_000
"""Events kept for a reader that does not read; then the line is left to lag, and the server keeps the rest."""

GIVE_UP_S = 60.0
Answer = TypeVar("Answer")


async def log_in(
    transport: str, base_url: str, room: str, name: str, token: str = "", options: Options | None = None
) -> "ChatSession":
    """Return a ChatClient, logged in under `name` and not yet joined. Raises ValueError, Refused, ConnectionLost."""
    slug = transports.find(transport).slug
    http = HttpSession(base_url, room, options or Options())
    try:
        account = await http.log_in(slug, name, token)
    except ClientError:
        await http.close()
        raise
    return ChatSession(account, http, import_module(f"clients.{slug}").Connection(http))


class ChatSession:
    """A ChatClient over any line.

    view: what this client knows of the room. inbox: where it is in the log. connected: False from the moment a line
    is found broken until it has been opened again.
    """

    def __init__(self, account: Account, http: HttpSession, line: ChatConnection) -> None:
        self.account = account
        self.room = http.room
        self.connected = False
        self._http = http
        self._line = line
        self._unread: asyncio.Queue[Event | Exception | None] = asyncio.Queue(UNREAD_MAX)
        self._receiving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            self._enter(await self._line.open(None))
        except ClientError:
            await self._http.close()
            raise
        self._receiving = asyncio.create_task(self._receive())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave the room, if joined, and let go of every connection."""
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.gather(self._receiving, return_exceptions=True)
        with suppress(ClientError):  # a lease that cannot be released runs out
            await self._line.close()
        await self._http.close()
        self._end()

    async def send(self, text: str, client_id: str | None = None) -> Ack:
        return await self._post(Send(client_id or secrets.token_hex(8), text))

    async def typing(self, active: bool = True) -> None:
        await self._post(Typing(active))

    async def mark_read(self, up_to: int) -> None:
        await self._post(MarkRead(up_to))

    async def history(self, before: int, limit: int = 50) -> list[Event]:
        return await self._persist(lambda: self._http.history(before, limit), GIVE_UP_S)

    def members(self) -> list[Member]:
        return self.view.members()

    async def events(self) -> AsyncIterator[Event]:
        """Yield events as they come; raises Refused if the server will not have this client any more."""
        while (event := await self._unread.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    def _enter(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.view = RoomView(snapshot)
        self.inbox = Inbox(snapshot.cursor)
        self.connected = True

    def _end(self) -> None:
        """Let whoever waits for events know that there will be none."""
        if self._unread.full():
            self._unread.get_nowait()
        self._unread.put_nowait(None)

    async def _receive(self) -> None:
        try:
            while True:
                try:
                    await self._deliver(await self._line.receive(self.inbox))
                except ClientError as error:
                    if not (worth_another_try(error) or is_not_joined(error)):
                        raise
                    await self._return()
        except Exception as error:  # also one that nobody expected: silence would look like a quiet room
            self.connected = False
            await self._unread.put(error)

    async def _deliver(self, page: Page) -> None:
        events = self.inbox.feed(page)
        if self.inbox.lost_log:
            self._enter(await self._persist(lambda: self._line.open(None)))
            events = list(self.snapshot.messages)  # of the new log, so none of them has been told yet
        self.view.apply(events)
        for event in events:
            await self._unread.put(event)

    async def _return(self) -> None:
        """Open the line again and read on from the cursor; tries until it succeeds or is refused."""
        self.connected = False
        await asyncio.sleep(random.uniform(0, self._http.options.backoff_s))
        await self._persist(lambda: self._line.open(self.inbox))
        self.connected = True

    async def _post(self, command: SocketCommand) -> Ack:
        return await self._persist(lambda: self._line.post(command), GIVE_UP_S, worth_waiting)

    async def _persist(
        self,
        attempt: Callable[[], Awaitable[Answer]],
        give_up_s: float | None = None,
        on: Callable[[Exception], bool] | None = None,
    ) -> Answer:
        """Try until it works, is refused for good, or `give_up_s` have passed; then the last error is raised."""
        pauses = self._http.options
        attempts = stamina.retry_context(
            on=on or worth_another_try,
            attempts=None,
            timeout=give_up_s,
            wait_initial=pauses.backoff_s,
            wait_max=pauses.backoff_max_s,
            wait_jitter=pauses.backoff_s,
        )
        async for this_time in attempts:
            with this_time:
                return await attempt()
        raise AssertionError("a retry context ends by returning or by raising")


def worth_another_try(error: Exception) -> bool:
    """Tell whether time may mend it: a broken line, or dead lines of ours that the server still counts."""
    return isinstance(error, ConnectionLost) or (isinstance(error, Refused) and error.code == "too_many")


def worth_waiting(error: Exception) -> bool:
    """Tell the same for a command: who has been forgotten joins again, by the line that reads, and may then go on."""
    return worth_another_try(error) or is_not_joined(error)


def is_not_joined(error: Exception) -> bool:
    """Tell whether the server has forgotten this connection, which may then simply join again."""
    return isinstance(error, Refused) and error.code == "not_joined"
