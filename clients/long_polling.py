"""Long polling: ask, and be kept waiting.

Teaches that the client is always asking and hardly ever answered: the question waits at the server, not the client.
"""

from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Ack, Page, Snapshot, SocketCommand


class Connection:
    """Asks again as soon as it has been answered."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http

    async def open(self, inbox: Inbox | None) -> Snapshot:
        return await self._http.join()

    async def post(self, command: SocketCommand) -> Ack:
        return await self._http.post(command)

    async def receive(self, inbox: Inbox) -> Page:
        """Ask, with the patience to be held."""
        return await self._http.read(inbox.cursor, timeout_s=self._http.options.hold_s)

    async def close(self) -> None:
        await self._http.leave()
