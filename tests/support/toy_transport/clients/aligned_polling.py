"""Aligned polling: poll whenever the clock shows a multiple of the interval, so that all clients poll at once."""

import asyncio
import time

from clients.connection import ChatConnection
from clients.inbox import Inbox
from servers.core.wire import Page


class Connection(ChatConnection):
    """Polls at multiples of `poll_s`."""

    async def receive(self, inbox: Inbox) -> Page:
        """Sleep until the next multiple of the interval, then poll."""
        poll_s = self.http.options.poll_s
        await asyncio.sleep(poll_s - time.time() % poll_s)
        return await self.http.read(inbox.cursor)
