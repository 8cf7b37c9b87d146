"""A thousand clients in one thread: sockets, one selector, and no task for any of them.

Teaches how to keep a load generator cheaper than the server it loads: a delivery costs one `recv` and the parsing of a
frame's header, so the server is the bottleneck and the server is what is measured. Every wait has a limit.
"""

import selectors
import socket
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from loadtests.experiments.bench.measured_server import cores
from loadtests.experiments.bench.pairs import Void
from loadtests.experiments.bench.readers import PING, PONG, Message, Reader, ValueReader, client_frame

RECEIVE_BYTES = 65_536
SEND_S = 10.0  # until a connection takes what is sent
PATIENCE_S = 60.0  # until everything that is due has arrived

OnMessage = Callable[["BenchConnection", Message], None]


class BenchConnection:
    """One connection. messages: how many chat messages were counted on it so far. reader: parses what arrives."""

    __slots__ = ("messages", "number", "reader", "socket")

    def __init__(self, address: str, number: int = 0) -> None:
        url = urlsplit(address)
        self.socket = socket.create_connection((url.hostname, url.port), SEND_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.reader: Reader | ValueReader = Reader()
        self.number = number
        self.messages = 0

    def send(self, data: bytes) -> None:
        """Write everything; waits up to SEND_S if the server does not read. Raises Void if it takes no more."""
        self.socket.settimeout(SEND_S)
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Void(f"connection {self.number}: the server took no request ({error})") from error
        self.socket.setblocking(False)

    def receive(self) -> list[Message]:
        """Return the messages that have arrived; raises ConnectionError at the connection's end."""
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("closed by the server")
        return self.reader.feed(data)


class Crowd:
    """Connections that are read together. closed: how many the server has closed.

    On a core of its own the crowd polls without sleeping. Waking a sleeping process costs the sending server several
    times as much as the send (an interrupt of another core), and a faster server would pay this more often.
    """

    def __init__(self, connections: Sequence[BenchConnection]) -> None:
        self.connections = list(connections)
        self.closed = 0
        self._spins = cores().generator is not None
        self._selector = selectors.DefaultSelector()
        for connection in self.connections:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def run(self, on_message: OnMessage, until: Callable[[], bool]) -> None:
        """Pass on what arrives, and answer pings, until `until` is true; raises Void after PATIENCE_S."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not until():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise Void(f"expected messages did not arrive within {PATIENCE_S:g} s ({self.closed} connections lost)")
            self._read(on_message, 0 if self._spins else left_s)

    def run_for(self, seconds: float, on_message: OnMessage) -> None:
        """Pass on what arrives within so many seconds, such as messages that should not come.

        Nothing is measured meanwhile, so it may sleep where `run` polls.
        """
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._read(on_message, left_s)

    def detach(self) -> None:
        """Stop reading; the connections stay open."""
        self._selector.close()

    def close(self) -> None:
        """Close every connection."""
        self.detach()
        for connection in self.connections:
            connection.socket.close()

    def _read(self, on_message: OnMessage, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            connection: BenchConnection = key.data
            try:
                for message in connection.receive():
                    if message.kind == PING:
                        connection.send(client_frame(message.body, PONG))
                    else:
                        on_message(connection, message)
            except ConnectionError:
                self._selector.unregister(connection.socket)
                self.closed += 1
