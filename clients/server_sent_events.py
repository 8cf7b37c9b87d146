"""Server-Sent Events: send one request, and read a response that never ends.

Teaches that resuming is part of the format: the `id` of every event is a cursor, and a client that reconnects sends the
last one as `Last-Event-ID`.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

from httpx_sse import EventSource, ServerSentEvent

from clients.connection import ChatConnection
from clients.errors import ConnectionLost, Refused, refused
from clients.http_session import BROKEN, HttpSession
from clients.inbox import Inbox
from servers.core.wire import Ack, Page, Refusal, Snapshot, SocketCommand, Undecodable, decode


class Connection(ChatConnection):
    """One stream of pages; commands are POST requests of their own."""

    def __init__(self, http: HttpSession) -> None:
        super().__init__(http)
        self._stream = AsyncExitStack()
        self._events: AsyncGenerator[ServerSentEvent] | None = None

    async def open(self, inbox: Inbox | None) -> Snapshot:
        await self.disconnect()
        snapshot = await self.http.join()
        query = {"after": str(snapshot.cursor), "connection": self.http.connection}
        # inbox.cursor equals the `id` of the last event that was applied; the server prefers it to `after`
        headers = {"Last-Event-ID": str(inbox.cursor)} if inbox else {}
        response = await self._stream.enter_async_context(self.http.stream(query, headers))
        self._events = await self._stream.enter_async_context(aclosing(EventSource(response).aiter_sse()))
        return snapshot

    async def post(self, command: SocketCommand) -> Ack:
        """Send a command.

        Raises ConnectionLost, not Refused, if the end of the stream has ended the lease: then reconnecting helps.
        """
        try:
            return await super().post(command)
        except Refused as refusal:
            if refusal.code != "not_joined":
                raise
            raise ConnectionLost("the stream has ended, and the lease with it") from refusal

    async def receive(self, inbox: Inbox) -> Page:
        """Wait for the next page on the stream."""
        if self._events is None:
            raise ConnectionLost("the stream is not open")
        try:
            async for event in self._events:
                if event.event == "refusal":
                    raise refused(decode(event.data, type=Refusal))
                if event.data:  # a comment is an event without data
                    return decode(event.data, type=Page)
        except (*BROKEN, *Undecodable) as error:
            raise ConnectionLost(f"the stream broke: {type(error).__name__}: {error}") from error
        raise ConnectionLost("the server ended the stream")

    async def disconnect(self) -> None:
        """Close the stream. The server then ends the lease, and reserves the name for as long as a lease lasts."""
        self._events = None
        await self._stream.aclose()
