"""Write the same frame to many sockets: what `servers.socket_writer` promises, on uvicorn's protocol.

Teaches what a fan-out costs beyond the system call: ASGI takes a text, so uvicorn builds the same frame for every
connection. Here it is written as it is, unless compression was negotiated. constraints.txt pins uvicorn, whose
internals this needs, and `tests/servers/test_shared_frame.py` names what has changed.
"""

from typing import Any

from websockets.http11 import Request

from servers.limited_protocols import LimitedSocket
from servers.socket_writer import EXTENSION, WRITER, ConnectionLost, TextFrame


class SharedFrameSocket(LimitedSocket):
    """uvicorn's protocol, which is a SocketWriter, too: an ASGI extension that `writer_of` returns."""

    _is_full = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._is_closing = transport.is_closing

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_full = True

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_full = False

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][EXTENSION] = {WRITER: self}

    def start_keepalive(self) -> None:
        """Forget the handshake, which has just been accepted: its headers take 10 kB of each silent connection."""
        super().start_keepalive()
        handshake: Any = (self.request.headers, self.response.headers, self.scope["headers"])
        for headers in handshake:
            headers.clear()

    def push(self, frame: TextFrame) -> bool:
        if self._is_full or self.close_sent or self._is_closing():
            return False
        if self.conn.extensions:
            self.conn.send_text(frame.payload)
            self.transport.write(b"".join(self.conn.data_to_send()))
        else:
            self.transport.write(frame.whole)
        return True

    async def drain(self) -> None:
        await self.writable.wait()
        if self.close_sent or self._is_closing():
            raise ConnectionLost("the client is gone, or the socket was closed")

    async def write(self, frame: TextFrame) -> None:
        while not self.push(frame):
            await self.drain()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.drain()
        await self.send({"type": "websocket.close", "code": code, "reason": reason})
