"""One WebSocket on a gevent socket, with the sans-I/O protocol of `websockets`.

Teaches what a protocol without I/O leaves to its caller: write its replies after every read, join fragments, and let
one greenlet at a time write. Nearly every message is one uncompressed frame, which is read by its header alone: this
takes an eighth of the protocol's time. Leaves out reconnecting. Locust has patched the standard library: this `socket`
is gevent's.
"""

from collections import deque
from contextlib import suppress

import gevent
from gevent.lock import BoundedSemaphore
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import WebSocketURI, parse_uri

from loadtests.users.http_connection import (
    BROWSER_HEADERS,
    HTTP_1_1,
    RESPONSE_S,
    ConnectionLost,
    connected_socket,
    retry_after_s,
)
from loadtests.users.reports import WEBSOCKET, Report, timed

READ_BYTES = 65_536
WHOLE_TEXT = 0x81


class WebSocketConnection:
    """One open connection. Any greenlet may send; only one may receive. Both raise ConnectionLost.

    Silence of RESPONSE_S means that it is broken: servers send a ping every 20 s.
    """

    def __init__(self, url: str, report: Report, compress: bool = False) -> None:
        """Connect; waits for the handshake, and reports how long it took.

        compress: whether to offer permessage-deflate, as browsers do.
        """
        uri = parse_uri(url)
        offered = [ClientPerMessageDeflateFactory(client_max_window_bits=True)] if compress else None
        self._protocol = ClientProtocol(uri, extensions=offered)
        self._writing = BoundedSemaphore()
        self._parts: list[bytes] = []
        self._rest = b""
        self._messages: deque[bytes] = deque()
        with timed(report, WEBSOCKET, "connect"):
            self._connect(url, uri)

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed it, as far as has been read."""
        return self._protocol.state is State.OPEN and self._socket.fileno() >= 0

    def send(self, text: bytes) -> None:
        """Send one text message; waits while the socket is full."""
        if not self.is_open:
            raise ConnectionLost(self._close_reason())
        self._protocol.send_text(text)
        self._flush()

    def receive(self) -> bytes:
        """Wait for the next message."""
        while not self._messages:
            self._process(self._read())
        return self._messages.popleft()

    def receive_within(self, timeout_s: float) -> bytes | None:
        """Wait for the next message, at most `timeout_s`; None when nothing came."""
        with gevent.Timeout(timeout_s, False):
            return self.receive()

    def close(self) -> None:
        """Send a close frame and close, without waiting for the other side's close frame."""
        with suppress(ConnectionLost):
            if self._protocol.state is State.OPEN:
                self._protocol.send_close()
                self._flush()
        self._socket.close()

    def _connect(self, url: str, uri: WebSocketURI) -> None:
        self._socket = connected_socket(url, uri.host, uri.port, HTTP_1_1 if uri.secure else "")
        request = self._protocol.connect()
        request.headers.update(BROWSER_HEADERS)
        self._protocol.send_request(request)
        self._flush()
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            self._process(self._read())
        self._socket.settimeout(RESPONSE_S)
        if (refusal := self._protocol.handshake_exc) is not None:
            self._socket.close()
            headers = refusal.response.headers if isinstance(refusal, InvalidStatus) else {}
            raise ConnectionLost(f"{url}: {refusal}", retry_after_s(headers))

    def _read(self) -> bytes:
        try:
            return self._socket.recv(READ_BYTES)
        except OSError as error:
            self._socket.close()
            raise ConnectionLost(f"the connection broke: {error}") from error

    def _process(self, data: bytes) -> None:
        if not data:
            self._socket.close()  # so that sending fails from now on
            raise ConnectionLost(self._close_reason())
        if self._protocol.state is not State.OPEN:
            self._pass_on(data)
            return
        buffer = self._rest + data
        start = 0
        while (payload := payload_of(buffer, start)) is not None:
            if buffer[start] == WHOLE_TEXT and not self._parts:
                self._messages.append(buffer[payload])
            else:
                self._pass_on(buffer[start : payload.stop])
            start = payload.stop
        self._rest = buffer[start:]

    def _pass_on(self, data: bytes) -> None:
        """Let the protocol read all but whole text messages: the handshake, a ping, a close, a part of a message."""
        self._protocol.receive_data(data)
        self._flush()
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._parts.append(bytes(event.data))
                if event.fin:
                    self._messages.append(b"".join(self._parts))
                    self._parts.clear()

    def _flush(self) -> None:
        with self._writing:
            try:
                self._socket.sendall(b"".join(self._protocol.data_to_send()))
            except OSError as error:
                raise ConnectionLost(f"the connection broke: {error}") from error

    def _close_reason(self) -> str:
        close = self._protocol.close_rcvd
        if close is None:
            return "the server closed the connection, without a close frame"
        return f"the connection closed with {close.code} {close.reason}".rstrip()


def payload_of(buffer: bytes, start: int) -> slice | None:
    """Return where the payload lies of the server's frame that begins at `start`; None until the frame is complete."""
    begin = start + 2
    if len(buffer) < begin:
        return None
    size = buffer[start + 1]
    if size > 125:  # RFC 6455 section 5.2: two or eight bytes have the length
        begin += 2 if size == 126 else 8
        if len(buffer) < begin:
            return None
        size = int.from_bytes(buffer[start + 2 : begin], "big")
    return slice(begin, begin + size) if len(buffer) >= begin + size else None
