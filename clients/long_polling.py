"""Long polling: send a request that the server holds until there are new events.

Teaches that the client has a request open at almost all times: the request waits at the server, not at the client.
"""

from clients.connection import ChatConnection
from clients.inbox import Inbox
from servers.core.wire import Page


class Connection(ChatConnection):
    """Sends the next request as soon as the last one has its response."""

    async def receive(self, inbox: Inbox) -> Page:
        """Poll, with a timeout longer than the server holds a request."""
        return await self.http.read(inbox.cursor, held_s=self.http.timings.hold_s)
