"""Raw WebSocket: open one connection, and read what arrives.

Teaches that the client does not poll: pages arrive by themselves. Commands share the connection with them, so a
response must say which command it belongs to.
"""

import asyncio

from clients.chat_socket import ChatSocket
from clients.connection import ChatConnection
from clients.errors import ConnectionLost
from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Ack, Join, Page, Snapshot, SocketCommand


class Connection(ChatConnection):
    """One socket for everything; `post` gets its response only while `receive` is reading."""

    def __init__(self, http: HttpSession) -> None:
        super().__init__(http)
        self._url = f"ws{http.base_url.removeprefix('http')}{http.room_path}/socket"
        self._socket: ChatSocket | None = None

    async def open(self, inbox: Inbox | None) -> Snapshot:
        await self.disconnect()
        self._socket = await ChatSocket.connect(self._url, self.http.options.response_s, self.http.timings.ping_s)
        return await self._socket.join(Join(self.http.connection, self.http.token, str(inbox.cursor) if inbox else ""))

    async def post(self, command: SocketCommand) -> Ack:
        return await self._open_socket().post(command)

    async def receive(self, inbox: Inbox) -> Page:
        """Wait for the next page that the server pushes."""
        return await self._open_socket().receive_page()

    async def pause(self, until: asyncio.Event, heartbeat_s: float) -> None:
        """Read on, for the acknowledgements on the same socket. Raises ConnectionLost if events were dropped."""
        if await self._open_socket().discard_pages(until):
            raise ConnectionLost("pages came while nobody read them: connect again, and continue after the cursor")

    async def disconnect(self) -> None:
        """Close the socket. The server then ends the lease, and reserves the name for as long as a lease lasts."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    def _open_socket(self) -> ChatSocket:
        if self._socket is None:
            raise ConnectionLost(f"{self._url}: not connected")
        return self._socket
