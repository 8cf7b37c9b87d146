"""Raw WebSocket: open a line once, and listen.

Teaches that the client asks for nothing: pages come by themselves, and commands share the line with them, so an answer
must say which command it belongs to.
"""

from clients.chat_socket import ChatSocket
from clients.errors import ConnectionLost
from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Ack, Join, Page, Snapshot, SocketCommand


class Connection:
    """One socket for everything; whoever calls `receive` also hears the answers to `post`."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http
        self._url = f"ws{http.base_url.removeprefix('http')}/rooms/{http.room}/socket"
        self._socket: ChatSocket | None = None

    async def open(self, inbox: Inbox | None) -> Snapshot:
        await self.close()
        self._socket = await ChatSocket.connect(self._url, self._http.options.answer_s)
        return await self._socket.join(
            Join(self._http.connection, self._http.token, str(inbox.cursor) if inbox else "")
        )

    async def post(self, command: SocketCommand) -> Ack:
        return await self._open_socket().ask(command)

    async def receive(self, inbox: Inbox) -> Page:
        """Listen until a page comes."""
        return await self._open_socket().hear_page()

    async def close(self) -> None:
        """Hang up, which is all that leaving takes."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    def _open_socket(self) -> ChatSocket:
        if self._socket is None:
            raise ConnectionLost(f"{self._url}: not connected")
        return self._socket
