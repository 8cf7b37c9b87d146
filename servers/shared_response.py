"""Write a whole response at once, and say that a client has hung up: `servers.http_extensions`, on uvicorn.

Teaches what waking a thousand held polls costs beyond their system calls: uvicorn checks and joins the same headers for
each, and writes head and body apart. It needs uvicorn's internals, like `servers.shared_frame`.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from servers.http_extensions import WATCH, WHOLE, Watch
from servers.limited_protocols import LimitedHttp


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
        fields += b"" if self.keep_alive else b"connection: close\r\n"
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[message["status"]], fields, message[WHOLE]))
        self.response_started = self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
