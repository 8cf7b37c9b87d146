"""Short polling: request, sleep, request again.

Teaches that the client does all the waiting, between requests, and so sees an event half an interval late on average.
Leaves out how to poll less: `loadtests/short_polling.py` adapts the interval, and makes requests conditional.
"""

import asyncio

from clients.connection import ChatConnection
from clients.inbox import Inbox
from servers.core.wire import Page


class Connection(ChatConnection):
    """Polls `poll_s` seconds after each response."""

    async def receive(self, inbox: Inbox) -> Page:
        """Sleep, then poll."""
        await asyncio.sleep(self.phase * self.http.options.poll_s)
        self.phase = 1.0
        return await self.http.read(inbox.cursor)
