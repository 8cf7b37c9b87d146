"""HTTP/1.1 on a gevent socket, parsed by httptools: connections that are kept alive, and used again when they are free.

Teaches what measuring costs. With Locust's own HTTP client a request takes 390 us of the generator's CPU time, with
this one 30 us, at 2.5 GHz; and while one recipient's response is parsed, all others wait. A client opens another
connection only if all others are busy, as a browser does. Leaves out redirects, cookies, retries, and the proxies that
the environment names: a proxy would be measured instead of the server.

Locust has patched the standard library: this `socket` is gevent's, and waiting for it lets other greenlets run.
"""

import socket
import ssl
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httptools

PORTS = {"http": 80, "https": 443}
HTTP_1_1 = "http/1.1"
GZIP = 16 + zlib.MAX_WBITS
CONNECT_S = 10.0
RESPONSE_S = 60.0  # longer than a request is held
READ_BYTES = 65_536
ESTABLISHED = 1  # the first state of linux/tcp_states.h
BROWSER_HEADERS: dict[str, str] = tomllib.loads(Path(__file__).with_name("browser_headers.toml").read_text("utf-8"))
"""What a browser adds to every request and every handshake, whatever the transport."""


class ConnectionLost(RuntimeError):
    """No response, or not the expected one. is_counted: whether Locust's statistics count it as a failure already.

    retry_after_s: for how long the server asks to wait.
    """

    is_counted = False

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Response:
    """Names of headers are in lower case. The body of a stream is empty: iterate over it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@cache
def tls_context(protocol: str) -> ssl.SSLContext:
    """Return the TLS context of all connections that ask for a protocol; it trusts the authorities in SSL_CERT_FILE."""
    context = ssl.create_default_context()
    context.set_alpn_protocols([protocol])
    return context


def connected_socket(
    address: str, host: str, port: int, tls_protocol: str = "", session: ssl.SSLSession | None = None
) -> socket.socket:
    """Return a connected TCP socket; waits, and raises ConnectionLost. address: for the message.

    tls_protocol: the protocol to ask for in a TLS handshake; none without TLS. HTTP/2 must be agreed on. session: an
    earlier one to resume (RFC 8446 section 2.2).
    """
    try:
        connected = socket.create_connection((host, port), CONNECT_S)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls_protocol:
            context = tls_context(tls_protocol)
            secure = connected = context.wrap_socket(connected, server_hostname=host, session=session)
            agreed = secure.selected_alpn_protocol()
            if tls_protocol != HTTP_1_1 and agreed != tls_protocol:
                secure.close()
                raise ConnectionLost(f"{address}: expected the server to speak {tls_protocol}, it named {agreed}")
    except OSError as error:
        raise ConnectionLost(f"{address}: {error}") from error
    return connected


def encoded(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request of HTTP/1.1."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Return for how long a response asks to wait; 0 if it does not, or names a date (RFC 9110 section 10.2.3)."""
    after_s = headers.get("retry-after", "")
    return float(after_s) if after_s.isdecimal() else 0.0


def decompressed(response: Response, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return the chunks of a response's body, decompressed if its header fields say that it is compressed."""
    if response.headers.get("content-encoding") != "gzip":
        return chunks
    return filter(None, map(zlib.decompressobj(GZIP).decompress, chunks))


class Exchange(Protocol):
    """One request and its response at a time. A method that raises ConnectionLost has ended it."""

    def start(self, request: Any) -> Response:
        """Send a request, and wait for the response's headers."""

    def body(self) -> Iterator[bytes]:
        """Yield the response's body as it comes, until it is complete; waits."""

    def close(self) -> None:
        """End it, complete or not."""


class HttpConnection:
    """One connection, for one request at a time. A method that raises ConnectionLost has closed it."""

    def __init__(self, address: str, session: ssl.SSLSession | None = None) -> None:
        """Connect; waits. session: of TLS, to resume."""
        url = urlsplit(address)
        self._address = address
        tls_protocol = HTTP_1_1 if url.scheme == "https" else ""
        port = url.port or PORTS[url.scheme]
        self._socket = connected_socket(address, url.hostname or "", port, tls_protocol, session)
        self._socket.settimeout(RESPONSE_S)
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._response = Response()
        self._has_headers = self._is_complete = self._keeps_alive = False

    @property
    def session(self) -> ssl.SSLSession | None:
        """The session of TLS that another connection may resume, once a response has come."""
        return self._socket.session if isinstance(self._socket, ssl.SSLSocket) else None

    @property
    def is_free(self) -> bool:
        """Whether the last response is complete, and the server keeps the connection open."""
        return self._is_complete and self._keeps_alive

    @property
    def has_ended(self) -> bool:
        """Whether the server has closed the connection since: then browsers open another. Known on Linux only."""
        option = getattr(socket, "TCP_INFO", None)
        return option is not None and self._socket.getsockopt(socket.IPPROTO_TCP, option, 1)[0] != ESTABLISHED

    def request(self, request: bytes) -> Response:
        """Send a request, and wait for the whole response."""
        response = self.start(request)
        response.body = b"".join(self.body())
        return response

    def start(self, request: bytes) -> Response:
        """Send a request, and wait for the response's headers."""
        self._response = Response()
        self._has_headers = self._is_complete = False
        try:
            self._socket.sendall(request)
        except OSError as error:
            raise self._lost(f"{type(error).__name__}: {error}") from error
        while not self._has_headers:
            self._read()
        return self._response

    def body(self) -> Iterator[bytes]:
        """Yield the response's body as it comes, until it is complete; waits."""
        return decompressed(self._response, self._received())

    def _received(self) -> Iterator[bytes]:
        while True:
            while self._chunks:
                yield self._chunks.pop(0)
            if self._is_complete:
                return
            self._read()

    def close(self) -> None:
        self._socket.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._response.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._response.status = self._parser.get_status_code()
        self._keeps_alive = bool(self._parser.should_keep_alive())
        self._has_headers = True

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._is_complete = True

    def _read(self) -> None:
        """Wait for more of the response."""
        try:
            data = self._socket.recv(READ_BYTES)
            self._parser.feed_data(data)
        except (OSError, httptools.HttpParserError) as error:
            raise self._lost(f"{type(error).__name__}: {error}") from error
        if not data:
            raise self._lost("the server closed the connection")

    def _lost(self, reason: str) -> ConnectionLost:
        self.close()
        return ConnectionLost(f"{self._address}: {reason}")


class HttpConnectionPool:
    """The connections of one client to one server."""

    encoded = staticmethod(encoded)

    def __init__(self, address: str, resumes: bool = False) -> None:
        """Connect to nothing yet. resumes: whether a new connection resumes the session of TLS of the last one."""
        self._address = address
        self._resumes = resumes
        self._session: ssl.SSLSession | None = None
        self._free: list[HttpConnection] = []

    def request(self, request: bytes) -> Response:
        """Use a free connection, or a new one; waits for the whole response, and raises ConnectionLost."""
        connection = self.acquire()
        try:
            response = connection.request(request)
        except BaseException:  # also when the greenlet is killed: the next request must not get this response
            connection.close()
            raise
        if self._resumes:
            self._session = connection.session
        if connection.is_free:
            self._free.append(connection)
        else:
            connection.close()
        return response

    def acquire(self) -> HttpConnection:
        """Return a free connection, or a new one, which is the caller's from now on."""
        while self._free:
            connection = self._free.pop()
            if not connection.has_ended:
                return connection
            connection.close()
        return HttpConnection(self._address, self._session)

    def close(self) -> None:
        """Close those that are free; waits for the other side's end."""
        while self._free:
            self._free.pop().close()
