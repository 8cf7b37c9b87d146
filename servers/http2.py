"""HTTP/2 within limits, by uvicorn's experimental protocol, beside HTTP/1.1 on the same TLS port.

Teaches that each stream of a connection needs limits of its own, since a client that reads nothing of one response may
read the others. What crosses the wire: RFC 9113. A stream is reset when its client has granted no window for `stall_s`,
and when the body of its request does not arrive within `body_s`. The response to a head over the limit is 431.

Leaves out WebSockets over HTTP/2 (RFC 8441), which uvicorn lacks. zttp advertises them nevertheless: that setting is
removed, so that browsers open another connection for a WebSocket, with HTTP/1.1.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from hyperframe.frame import Frame, SettingsFrame
from uvicorn.protocols.http.auto_zttp_impl import AutoZttpProtocol
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.zttp_h2_impl import ZttpH2Protocol

from servers.asgi_extensions import WATCH, Watch
from servers.limited_protocols import LimitedConnection

HEAD_BYTES = 9  # of a frame (RFC 9113 section 4.1)


class StreamFlow:
    """The flow control of one stream: open while the connection's is, and the client's window has room."""

    def __init__(self, cycle: Any, stall_s: float) -> None:
        self._connection: FlowControl = cycle.flow
        self._cycle = cycle
        self._stall_s = stall_s
        self._has_moved = asyncio.Event()
        self._stall_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self.watch = Watch()

    @property
    def write_paused(self) -> bool:
        return self._connection.write_paused or self._is_full

    @property
    def unsent_bytes(self) -> int:
        return self._cycle.stream.pending_bytes or 0

    @property
    def _is_full(self) -> bool:
        return not self._cycle.disconnected and self.unsent_bytes > HIGH_WATER_LIMIT

    async def drain(self) -> None:
        """Wait until there is room, or the stream has ended."""
        self.watch_stall()
        try:
            while self._is_full:
                self._has_moved.clear()
                await self._has_moved.wait()
        finally:
            self._stop_watching()
        await self._connection.drain()

    def watch_stall(self, unsent_before: float = float("inf")) -> None:
        """Reset the stream when its client has granted nothing since the last look, unless all is sent."""
        unsent = self.unsent_bytes
        if unsent >= unsent_before:
            self._reset()
        elif unsent:
            self._stall_timer = asyncio.get_running_loop().call_later(self._stall_s, self.watch_stall, unsent)

    def limit_body(self, body_s: float) -> None:
        """Reset the stream if the body of its request takes longer."""
        self._body_timer = asyncio.get_running_loop().call_later(body_s, self._reset_unfinished)

    def wake(self) -> None:
        self._has_moved.set()

    def complete(self) -> None:
        """Note that the response is complete: what is left of the body does not matter."""
        if self._body_timer is not None:
            self._body_timer.cancel()

    def leave(self) -> None:
        """Note that the client no longer waits for this response."""
        self.complete()
        self._stop_watching()
        self.watch.gone()
        self.wake()

    def _reset_unfinished(self) -> None:
        if self._cycle.more_body and not self._cycle.disconnected:
            self._reset()

    def _reset(self) -> None:
        self._cycle.abort_stream()
        self._cycle.message_event.set()
        self.leave()

    def _stop_watching(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()


class LimitedHttp2(LimitedConnection, ZttpH2Protocol):
    """One connection, with limits for each of its streams."""

    _has_greeted = False
    _unread: Sequence[StreamFlow] = ()  # of responses that are complete, but not sent

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for flow in (*self._flows(), *self._unread):
            flow.leave()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        for flow in self._flows():
            flow.wake()
        self._unread = [flow for flow in self._unread if flow.unsent_bytes]

    def flush(self) -> None:
        """Send queued frames; the first call sends our settings, without the one that would promise WebSockets."""
        if self._has_greeted:
            super().flush()
        else:
            self._has_greeted = True
            self.transport.write(_without_websockets(self.conn.data_to_send()))

    def handle_request(self, event: Any) -> None:
        head_bytes = len(event.path) + len(event.query) + sum(len(name) + len(value) for name, value in event.headers)
        if head_bytes > self.limits.head_bytes_max:
            stream = self.conn.stream(event.stream_id)
            stream.send_response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, [])
            stream.end_message()
            return
        super().handle_request(event)
        cycle: Any = self.cycles[event.stream_id]
        cycle.flow = flow = StreamFlow(cycle, self.limits.stall_s)
        cycle.scope["extensions"][WATCH] = {WATCH: flow.watch}
        if event.end_stream:  # uvicorn 0.54 never ends the body of a request that has none
            cycle.more_body = False
            cycle.message_event.set()
        else:
            flow.limit_body(self.limits.body_s)

    def on_response_complete(self, stream_id: int) -> None:
        cycle: Any = self.cycles.get(stream_id)
        super().on_response_complete(stream_id)
        if cycle is None:
            return
        cycle.flow.complete()
        if cycle.flow.unsent_bytes:
            cycle.flow.watch_stall()
            self._unread = [*self._unread, cycle.flow]

    def handle_rst_stream(self, event: Any) -> None:
        cycle: Any = self.cycles.get(event.stream_id)
        super().handle_rst_stream(event)
        if cycle is not None:
            cycle.flow.leave()

    def pause_writing(self) -> None:
        """Stop reading, too: a client that sends requests and reads no response would fill the memory."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.resume_reading_if_idle()

    def _flows(self) -> list[StreamFlow]:
        cycles: Any = self.cycles.values()
        return [cycle.flow for cycle in cycles]


class Negotiated(AutoZttpProtocol):
    """Speaks what the client has chosen in the TLS handshake. http1, http2: the protocols."""

    http1: type[asyncio.Protocol]
    http2: type[asyncio.Protocol]

    def _switch(self, http2: bool, initial_data: bytes = b"") -> None:
        kind: Any = self.http2 if http2 else self.http1
        protocol = kind(self.config, self.server_state, self.app_state, _loop=self.loop)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)


def negotiated(http1: type[asyncio.Protocol], http2: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
    """Return a protocol class that is one of the two, as the client chooses."""
    return type("NegotiatedHttp", (Negotiated,), {"http1": http1, "http2": http2})


def _without_websockets(greeting: bytes) -> bytes:
    """Return the frame of our settings without SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3)."""
    frame, length = Frame.parse_frame_header(memoryview(greeting)[:HEAD_BYTES])
    assert isinstance(frame, SettingsFrame)
    frame.parse_body(memoryview(greeting)[HEAD_BYTES:][:length])
    frame.settings.pop(SettingsFrame.ENABLE_CONNECT_PROTOCOL, None)
    return frame.serialize() + greeting[HEAD_BYTES + length :]
