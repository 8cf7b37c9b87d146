"""Server-Sent Events: ask once, and listen to an answer that never ends.

Teaches that resuming is part of the format: every event's `id` is a cursor, and whoever comes back says the last one.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

import httpx
from httpx_sse import EventSource, ServerSentEvent

from clients.errors import ConnectionLost, Refused, refused
from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Ack, Page, Refusal, Snapshot, SocketCommand, Undecodable, decode


class Connection:
    """One stream of pages; commands go beside it."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http
        self._stream = AsyncExitStack()
        self._events: AsyncGenerator[ServerSentEvent] | None = None

    async def open(self, inbox: Inbox | None) -> Snapshot:
        await self.close()
        snapshot = await self._http.join()
        query = {"after": str(snapshot.cursor), "connection": self._http.connection}
        headers = {"Last-Event-ID": str(inbox.cursor)} if inbox else {}
        answer = await self._stream.enter_async_context(self._http.stream(query, headers))
        self._events = await self._stream.enter_async_context(aclosing(EventSource(answer).aiter_sse()))
        return snapshot

    async def post(self, command: SocketCommand) -> Ack:
        """Post beside the stream, whose end is the end of the user's lease: until it is back, they have not joined."""
        try:
            return await self._http.post(command)
        except Refused as refusal:
            if refusal.code != "not_joined":
                raise
            raise ConnectionLost("the stream has ended, and the lease with it") from refusal

    async def receive(self, inbox: Inbox) -> Page:
        """Listen until a page comes."""
        if self._events is None:
            raise ConnectionLost("the stream is not open")
        try:
            async for event in self._events:
                if event.event == "refusal":
                    raise refused(decode(event.data, type=Refusal))
                if event.data:  # a comment comes as an event without
                    return decode(event.data, type=Page)
        except (httpx.TransportError, *Undecodable) as error:
            raise ConnectionLost(f"the stream broke: {type(error).__name__}: {error}") from error
        raise ConnectionLost("the server ended the stream")

    async def close(self) -> None:
        """Hang up, which is all that leaving takes."""
        self._events = None
        await self._stream.aclose()
