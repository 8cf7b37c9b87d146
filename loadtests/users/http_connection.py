"""HTTP/1.1 on a gevent socket, parsed by httptools: connections that are kept alive, and used again when they are free.

Teaches what measuring costs. Through Locust's own HTTP client a request takes 390 us of the generator's CPU time, by
this line 30, of a machine with 2.5 GHz; and while one recipient's answer is being taken in, all others wait. As a
browser does, a client opens another connection only if all it has are busy. Leaves out redirects, cookies, compression
and retries.

Locust has patched the standard library: this `socket` is gevent's, and waiting for it lets other greenlets run.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

HTTP_PORT = 80
CONNECT_S = 10.0
ANSWER_S = 60.0  # longer than a question is held
READ_BYTES = 65_536


class ConnectionLost(RuntimeError):
    """No answer, or not the one that was expected. is_counted: whether Locust's statistics have it as a failure."""

    is_counted = False


@dataclass(slots=True)
class Answer:
    """What came back. Names of headers are in lower case. The body of one that goes on is empty: read the stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class HttpConnection:
    """One connection, for one request at a time. A method that raises ConnectionLost has closed it."""

    def __init__(self, address: str) -> None:
        """Connect; waits."""
        url = urlsplit(address)
        self._address = address
        try:
            self._socket = socket.create_connection((url.hostname, url.port or HTTP_PORT), CONNECT_S)
        except OSError as error:
            raise ConnectionLost(f"{address}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(ANSWER_S)
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._answer = Answer()
        self._head_came = self._all_came = False
        self._stays_open = False

    @property
    def is_free(self) -> bool:
        """Whether the last answer came whole, and the server keeps the connection open."""
        return self._all_came and self._stays_open

    def ask(self, request: bytes) -> Answer:
        """Send a question, and wait for the whole answer."""
        answer = self.begin(request)
        answer.body = b"".join(self.rest())
        return answer

    def begin(self, request: bytes) -> Answer:
        """Send a question, and wait for the answer's head."""
        self._answer, self._head_came, self._all_came = Answer(), False, False
        try:
            self._socket.sendall(request)
        except OSError as error:
            raise self._broken(f"{type(error).__name__}: {error}") from error
        while not self._head_came:
            self._take()
        return self._answer

    def rest(self) -> Iterator[bytes]:
        """Yield the answer's body as it comes, until it is whole; waits."""
        while True:
            while self._chunks:
                yield self._chunks.pop(0)
            if self._all_came:
                return
            self._take()

    def close(self) -> None:
        self._socket.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        self._stays_open = bool(self._parser.should_keep_alive())
        self._head_came = True

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._all_came = True

    def _take(self) -> None:
        """Wait for more of the answer."""
        try:
            data = self._socket.recv(READ_BYTES)
            self._parser.feed_data(data)
        except (OSError, httptools.HttpParserError) as error:
            raise self._broken(f"{type(error).__name__}: {error}") from error
        if not data:
            raise self._broken("the server closed the connection")

    def _broken(self, reason: str) -> ConnectionLost:
        self.close()
        return ConnectionLost(f"{self._address}: {reason}")


class HttpConnections:
    """The connections of one client to one server."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._free: list[HttpConnection] = []

    def ask(self, request: bytes) -> Answer:
        """Ask on a free connection, or on a new one; waits for the whole answer, and raises ConnectionLost."""
        connection = self.take()
        try:
            answer = connection.ask(request)
        except BaseException:  # also when the greenlet is killed: whatever comes yet is nobody's answer
            connection.close()
            raise
        if connection.is_free:
            self._free.append(connection)
        else:
            connection.close()
        return answer

    def take(self) -> HttpConnection:
        """Return a free connection, or a new one, which is the caller's from now on."""
        return self._free.pop() if self._free else HttpConnection(self._address)

    def close(self) -> None:
        """Close those that are free; waits for the other side's end."""
        while self._free:
            self._free.pop().close()
