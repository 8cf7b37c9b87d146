"""Short polling: request, sleep, request again.

Teaches that the client does all the waiting, between requests, and so sees an event half an interval late on average.
"""

import asyncio

from clients.connection import ChatConnection
from clients.inbox import Inbox
from servers.core.wire import Page


class Connection(ChatConnection):
    """Polls every `poll_s` seconds, counted from the last response."""

    async def receive(self, inbox: Inbox) -> Page:
        """Sleep, then poll."""
        await asyncio.sleep(self.phase * self.http.options.poll_s)
        self.phase = 1.0
        return await self.http.read(inbox.cursor)
