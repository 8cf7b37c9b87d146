"""Short polling: request, sleep, request again.

Teaches that the client does all the waiting, between requests, and so sees an event half an interval late on average.
Options adapt the interval (`clients.backoff`) and make requests conditional; by default neither happens.
"""

import asyncio

from clients.backoff import PollPace
from clients.connection import ChatConnection
from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Page


class Connection(ChatConnection):
    """Polls `poll_s` seconds after each response, or after the pauses of `PollPace` if the options ask for them."""

    def __init__(self, http: HttpSession) -> None:
        super().__init__(http)
        self._pace = PollPace(http.options.poll_s, http.options.poll_max_s, http.options.poll_jitter)

    async def receive(self, inbox: Inbox) -> Page:
        """Sleep, then poll."""
        await asyncio.sleep(self.phase * self._pace.next_s())
        self.phase = 1.0
        page = await self.http.read(inbox.cursor)
        self._pace.note(bool(page.events))
        return page
