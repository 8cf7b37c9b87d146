"""Aligned polling: read whenever the clock shows a multiple of the interval, so that all clients poll at once."""

import asyncio
import time

from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Ack, Page, Snapshot, SocketCommand


class Connection:
    """Polls at multiples of `poll_s`."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http

    async def open(self, inbox: Inbox | None) -> Snapshot:
        return await self._http.join()

    async def post(self, command: SocketCommand) -> Ack:
        return await self._http.post(command)

    async def receive(self, inbox: Inbox) -> Page:
        """Sleep until the next multiple of the interval, then read."""
        poll_s = self._http.options.poll_s
        await asyncio.sleep(poll_s - time.time() % poll_s)
        return await self._http.read(inbox.cursor)

    async def close(self) -> None:
        await self._http.leave()
