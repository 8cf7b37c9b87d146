"""Write one frame to many sockets, or a whole response at once, on uvicorn's protocols.

They implement `servers.asgi_extensions`. Teaches what a fan-out costs beyond the system calls. ASGI passes a text, so
uvicorn builds the same frame for every connection; here the finished frame is written, unless compression was
negotiated. For each of a thousand held polls, uvicorn also checks and joins the same headers, and writes head and body
separately; here a response is one write. This needs internals of uvicorn: constraints.txt pins its version, and
`tests/servers/test_shared_writes.py` says what a new version has changed.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from websockets.http11 import Request

from servers.asgi_extensions import EXTENSION, WATCH, WHOLE, WRITER, SocketClosed, TextFrame, Watch
from servers.limited_protocols import LimitedHttp, LimitedSocket


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
        """Forget the headers of the accepted handshake: they would take 10 kB for as long as the connection is open."""
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
            self.transport.write(frame.encoded)
        return True

    async def drain(self) -> None:
        await self.writable.wait()
        if self.close_sent or self._is_closing():
            raise SocketClosed("the client is gone, or the socket was closed")

    async def write(self, frame: TextFrame) -> None:
        while not self.push(frame):
            await self.drain()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.drain()
        await self.send({"type": "websocket.close", "code": code, "reason": reason})


class SharedResponseHttp(LimitedHttp):
    """uvicorn's protocol, with both extensions."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch = Watch()
        self._extensions = {WATCH: {WATCH: self._watch}, WHOLE: {}}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch.gone()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.__class__ = _Cycle  # uvicorn has no setting for it
        cycle.scope["extensions"] = self._extensions
        super()._start_asgi_task(cycle, app)


class _Cycle(RequestResponseCycle):
    """One request and its response."""

    async def send(self, message: Any) -> None:
        if WHOLE not in message:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        fields = b"".join([b"%b: %b\r\n" % field for field in (*self.default_headers, *message["headers"])])
        if not self.keep_alive:
            fields += b"connection: close\r\n"
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[message["status"]], fields, message[WHOLE]))
        self.response_started = self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
