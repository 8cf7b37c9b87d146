"""Short polling: ask, sleep, ask again.

Teaches that the client does all the waiting, between questions, and so learns of news half an interval late on average.
"""

import asyncio
import random

from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Ack, Page, Snapshot, SocketCommand


class Connection:
    """Asks every `poll_s` seconds, counted from the last answer, from a random phase."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http
        self._pause_s = random.uniform(0, http.options.poll_s)

    async def open(self, inbox: Inbox | None) -> Snapshot:
        return await self._http.join()

    async def post(self, command: SocketCommand) -> Ack:
        return await self._http.post(command)

    async def receive(self, inbox: Inbox) -> Page:
        """Sleep, then ask."""
        await asyncio.sleep(self._pause_s)
        self._pause_s = self._http.options.poll_s
        return await self._http.read(inbox.cursor)

    async def close(self) -> None:
        await self._http.leave()
