"""HTTP/2 on a gevent socket, by the sans-I/O protocol of `h2`: one connection of a client for all its requests.

Teaches what changes for polling: a held poll, an event stream and the requests that send all share one connection, and
repeated headers are compressed to a few bytes (HPACK, RFC 7541). What crosses the wire: RFC 9113 over TLS, with the
header fields in Chrome's order. As in Chrome, `authorization` enters the table of indexed fields, and a path never
does. Leaves out pushed responses, priorities, and waiting for flow control: commands are far shorter than a window.

A connection that ends, with GOAWAY or without, ends its requests: their senders try again on a new connection.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hpack import NeverIndexedHeaderTuple
from hpack.struct import HeaderWeaklyTyped

from loadtests.users.http_connection import (
    READ_BYTES,
    RESPONSE_S,
    ConnectionLost,
    Response,
    connected_socket,
    decompressed,
)

H2 = "h2"
OF_CONNECTIONS = frozenset(("host", "connection"))  # header fields that HTTP/2 does not have (RFC 9113 section 8.2.2)
SETTINGS_MAX = 100  # frames of a connection, each of which must be acknowledged: servers send one or two
CONFIGURATION = H2Configuration(header_encoding="latin-1", normalize_outbound_headers=False)


class Http2Request(NamedTuple):
    headers: list[HeaderWeaklyTyped]
    body: bytes


class Http2Stream:
    """One request and its response. A method that raises ConnectionLost has ended it."""

    def __init__(self, connection: "Http2Connection") -> None:
        self._connection = connection
        self._news = Event()
        self._chunks: list[bytes] = []
        self._response = Response()
        self._is_complete = False
        self._lost = ""
        self._id = 0

    def request(self, request: Http2Request) -> Response:
        """Send a request, and wait for the whole response; one that is given up is reset."""
        try:
            response = self.start(request)
            response.body = b"".join(self.body())
        finally:
            self.close()
        return response

    def start(self, request: Http2Request) -> Response:
        """Send a request, and wait for the response's headers."""
        self._id = self._connection.send(self, request)
        while not self._response.status:
            self._wait()
        return self._response

    def body(self) -> Iterator[bytes]:
        """Yield the response's body as it comes, until it is complete; waits."""
        return decompressed(self._response, self._received())

    def _received(self) -> Iterator[bytes]:
        while self._chunks or not self._is_complete:
            if self._chunks:
                yield self._chunks.pop(0)
            else:
                self._wait()

    def close(self) -> None:
        """Reset the stream, unless it has ended."""
        if self._id and not self._is_complete and not self._lost:
            self._connection.reset(self._id)

    def receive(self, event: events.Event) -> None:
        """Take what the connection has read for this stream."""
        match event:
            case events.ResponseReceived(headers=headers):
                self._response.headers = {str(name): str(value) for name, value in headers or ()}
                self._response.status = int(self._response.headers.pop(":status"))
            case events.DataReceived(data=data):
                self._chunks.append(data or b"")
            case events.StreamEnded():
                self._is_complete = True
            case events.StreamReset(error_code=code):
                self._lost = f"the server reset the stream, with {_named(code)}"
        self._news.set()

    def fail(self, reason: str) -> None:
        self._lost = self._lost or reason
        self._news.set()

    def _wait(self) -> None:
        self._news.clear()
        if not self._lost and not self._news.wait(RESPONSE_S):
            self.close()
            self._lost = f"nothing came for {RESPONSE_S:g} s"
        if self._lost:
            raise ConnectionLost(f"{self._connection.address}: {self._lost}")


class Http2Connection:
    """One connection, for any number of requests at a time. Raises ConnectionLost."""

    def __init__(self, address: str) -> None:
        """Connect; waits."""
        url = urlsplit(address)
        self.address = address
        self.lost = ""
        self._socket = connected_socket(address, url.hostname or "", url.port or 443, H2)
        self._socket.settimeout(None)  # a connection may be silent: each stream has a timeout of its own
        self._streams: dict[int, Http2Stream] = {}
        self._settings = 0
        self._protocol = H2Connection(CONFIGURATION)
        self._writing = BoundedSemaphore()
        self._protocol.initiate_connection()
        try:
            self._flush()
        except OSError as error:
            raise self._end(f"{type(error).__name__}: {error}") from error
        self._reader = gevent.spawn(self._read)

    @property
    def is_idle(self) -> bool:
        return not self._streams

    def send(self, stream: Http2Stream, request: Http2Request) -> int:
        """Send a request; return the stream's number."""
        if self.lost:
            raise ConnectionLost(f"{self.address}: {self.lost}")
        number = self._protocol.get_next_available_stream_id()
        self._streams[number] = stream
        try:
            self._protocol.send_headers(number, request.headers, end_stream=not request.body)
            if request.body:
                self._protocol.send_data(number, request.body, end_stream=True)
            self._flush()
        except (OSError, ProtocolError) as error:
            raise self._end(f"{type(error).__name__}: {error}") from error
        return number

    def reset(self, number: int) -> None:
        """Tell the server that nobody waits for a response any more."""
        if self._streams.pop(number, None) and not self.lost:
            with suppress(OSError, ProtocolError):
                self._protocol.reset_stream(number, ErrorCodes.CANCEL)
                self._flush()

    def close(self) -> None:
        """Send GOAWAY, and close; waits for the other side's end."""
        self._reader.kill()
        if not self.lost:
            with suppress(OSError, ProtocolError):
                self._protocol.close_connection()
                self._flush()
        self._end("closed")

    def _read(self) -> None:
        try:
            while data := self._socket.recv(READ_BYTES):
                for event in self._protocol.receive_data(data):
                    self._take(event)
                self._flush()
                if self.lost:
                    break
            self._end("the server closed the connection")
        except (OSError, ProtocolError) as error:
            self._end(f"{type(error).__name__}: {error}")

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.ConnectionTerminated):
            self.lost = f"the server ended the connection (GOAWAY), with {_named(event.error_code)}"
            return
        if isinstance(event, events.RemoteSettingsChanged):
            self._settings += 1
            if self._settings > SETTINGS_MAX:
                self.lost = f"the server sent more than {SETTINGS_MAX} SETTINGS frames"
            return
        number = getattr(event, "stream_id", None) or 0
        if isinstance(event, events.DataReceived) and event.flow_controlled_length:
            self._protocol.acknowledge_received_data(event.flow_controlled_length, number)
        if stream := self._streams.get(number):
            stream.receive(event)
            if isinstance(event, events.StreamEnded | events.StreamReset):
                del self._streams[number]

    def _flush(self) -> None:
        with self._writing:
            if data := self._protocol.data_to_send():
                self._socket.sendall(data)

    def _end(self, reason: str) -> ConnectionLost:
        """End the connection, and all that is under way on it."""
        self.lost = self.lost or reason
        while self._streams:
            self._streams.popitem()[1].fail(self.lost)
        self._socket.close()
        return ConnectionLost(f"{self.address}: {self.lost}")


class Http2Pool:
    """The one connection of a client to a server, opened when it is needed. keep_alive: whether it outlives a request.

    Like `HttpConnectionPool`.
    """

    def __init__(self, address: str, keep_alive: bool) -> None:
        self._address = address
        self._keep_alive = keep_alive
        self._opening = BoundedSemaphore()
        self._connection: Http2Connection | None = None

    def encoded(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Http2Request:
        """Return a request with a browser's header fields: names in lower case, a path that is never indexed."""
        authority = urlsplit(self._address).netloc
        fields: list[HeaderWeaklyTyped] = [(":method", method), (":authority", authority), (":scheme", "https")]
        fields.append(NeverIndexedHeaderTuple(":path", path))
        named = {name.lower(): value for name, value in headers.items() if name.lower() not in OF_CONNECTIONS}
        return Http2Request([*fields, *named.items()], body)

    def request(self, request: Http2Request) -> Response:
        """Wait for the whole response; raises ConnectionLost."""
        response = self.acquire().request(request)
        if not self._keep_alive and self._connection and self._connection.is_idle:
            self.close()
        return response

    def acquire(self) -> Http2Stream:
        """Return a stream of the connection, or of a new one if it is lost; waits."""
        with self._opening:
            if self._connection is None or self._connection.lost:
                self.close()
                self._connection = Http2Connection(self._address)
        return Http2Stream(self._connection)

    def close(self) -> None:
        """Close the connection, if there is one; waits."""
        connection, self._connection = self._connection, None  # nobody else may use it while it closes
        if connection is not None:
            connection.close()


def _named(code: int | None) -> str:
    return code.name if isinstance(code, ErrorCodes) else str(code)
