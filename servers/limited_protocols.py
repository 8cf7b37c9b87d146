"""uvicorn's protocols within limits: the parser is the first thing that an attacker meets, before any check of ours.

Teaches what a listener must bound by itself. uvicorn limits neither a request's head nor the time that it takes, and
answers pings whose pongs nobody reads. What crosses the wire: 400 for a malformed request, 408 for an unfinished one,
431 for a head over the limit. The usual request, complete when it arrives, costs no timer.
"""

import asyncio
import socket
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from servers.connection_limits import ConnectionLimits, DescriptorLimit
from servers.wire_bytes import ABORT_AFTER_S

UNREAD_MAX = 8
"""Messages of a socket that may wait for the application while more are read: to pause costs two system calls."""


class LimitedConnection(asyncio.Protocol):
    """Mixed in front of a uvicorn protocol class: drops a connection that sends nothing, or reads no response."""

    limits: ConnectionLimits
    descriptors: DescriptorLimit
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    timeout_keep_alive: int
    timeout_keep_alive_task: asyncio.TimerHandle | None
    timeout_keep_alive_handler: Any  # uvicorn's

    _stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        accepted = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux, which else sends for 15 minutes to nobody
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * self.limits.stall_s))
        self.descriptors.note_accepted(accepted.fileno())
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_stall()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()

    def _watch_stall(self, unsent_before: float = float("inf")) -> None:
        """Drop the connection when it has taken nothing since the last look."""
        unsent = self.transport.get_write_buffer_size()
        if unsent >= unsent_before:
            self.transport.abort()
        else:
            self._stall_timer = self.loop.call_later(self.limits.stall_s, self._watch_stall, unsent)

    def _stop_watching(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()


class LimitedHttp(LimitedConnection, HttpToolsProtocol):
    """HTTP/1.1 within limits. A request in progress may take any time: a held poll is no idle connection."""

    _without_progress = 0
    _is_progressing = False
    _in_body = False
    _is_done = False
    _unfinished_s: float | None = None
    _unfinished_timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse in parts, so that never more of a head is parsed than its limit."""
        while data and not self._is_done:
            allowed = self.limits.head_bytes_max - self._without_progress
            part, data = data[:allowed], data[allowed:]
            self._is_progressing = False
            super().data_received(part)
            self._without_progress = 0 if self._is_progressing else self._without_progress + len(part)
            if self._without_progress >= self.limits.head_bytes_max and not self._is_done:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if not self._is_done:
            self._limit_unfinished()

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= self.limits.pipelined_max:
            raise ValueError("too many pipelined requests")  # which the parser reports as a malformed request
        self._is_progressing = self._in_body = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._is_progressing = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_progressing = True
        self._in_body = False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._is_done = True
        self._stop_timers()
        super().handle_websocket_upgrade()
        upgraded: Any = self.transport.get_protocol()
        if not upgraded.handshake_initiated:  # its own limits are narrower: a line of 8 kB, 128 header fields
            self._refuse(HTTPStatus.BAD_REQUEST)

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _limit_unfinished(self) -> None:
        """Keep one timer, for the head or body that is being received, if any."""
        limit_s = None
        if self._in_body:
            limit_s = self.limits.body_s
        elif self.cycle is None or self.cycle.response_complete:
            limit_s = self.limits.head_s
        if limit_s != self._unfinished_s:
            self._unfinished_s = limit_s
            if self._unfinished_timer is not None:
                self._unfinished_timer.cancel()
                self._unfinished_timer = None
            if limit_s is not None:
                self._unfinished_timer = self.loop.call_later(limit_s, self._refuse, HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Respond with an error, and close for writing; later data is dropped unread for ABORT_AFTER_S, then abort."""
        self._is_done = True
        self._stop_timers()
        if self.cycle is not None and (self._in_body or not self.cycle.response_complete):
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started or self.pipeline:
                self.transport.abort()
                return
        text = f"{status} {status.phrase}".encode()
        fields = b"content-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(text)
        self.transport.write(STATUS_LINE[status] + fields + text)
        if self.transport.can_write_eof():  # which TLS cannot
            self.transport.write_eof()
        self._unfinished_timer = self.loop.call_later(ABORT_AFTER_S, self.transport.abort)

    def _stop_timers(self) -> None:
        self._unset_keepalive_if_required()
        self._stop_watching()
        if self._unfinished_timer is not None:
            self._unfinished_timer.cancel()


class LimitedSocket(WebSocketsSansIOProtocol):
    """WebSocket within limits."""

    limits: ConnectionLimits

    def handle_ping(self) -> None:
        """Respond, unless the client reads nothing: RFC 6455 section 5.5.3 allows to skip all pongs but the last."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= self.limits.frames_max:
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Refuse text that is not UTF-8 (RFC 6455 section 8.1), and pause reading at UNREAD_MAX unread messages."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self._fail(CloseCode.INVALID_DATA, "expected text in UTF-8")
                return
        was_paused = self.read_paused
        self.read_paused = True  # otherwise uvicorn would pause reading for each message
        super().send_receive_event_to_app()
        self.read_paused = was_paused
        if not was_paused and self.queue.qsize() >= UNREAD_MAX and not self.close_sent:
            self.read_paused = True  # until the application has read them all
            self.transport.pause_reading()
        if self.queue.qsize() > self.limits.frames_max:
            self._fail(CloseCode.POLICY_VIOLATION, "too many frames at once")

    def _fail(self, code: CloseCode, reason: str) -> None:
        """Close, and drop all further data."""
        if not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()
