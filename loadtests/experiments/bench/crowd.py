"""A thousand clients in one thread: sockets, one selector, and no task for anybody.

Teaches how to keep a load generator cheaper than the server it loads: a delivery costs one `recv` and the look at a
frame's header, so the server is the bottleneck and what is measured is the server. Nothing here blocks for ever.
"""

import selectors
import socket
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from loadtests.experiments.bench.pairs import Void
from loadtests.experiments.bench.processes import cores
from loadtests.experiments.bench.readers import PING, PONG, Message, Reader, client_frame

RECEIVE_BYTES = 65_536
SEND_S = 10.0
PATIENCE_S = 60.0

OnMessage = Callable[["BenchConnection", Message], None]


class BenchConnection:
    """One connection. messages: how many chat messages its owner has counted on it so far."""

    __slots__ = ("_reader", "messages", "number", "socket")

    def __init__(self, address: str, number: int = 0) -> None:
        url = urlsplit(address)
        self.socket = socket.socket()
        self.socket.connect((url.hostname, url.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._reader = Reader()
        self.number = number
        self.messages = 0

    def send(self, data: bytes) -> None:
        """Write everything; waits up to SEND_S if the server does not read. Raises Void if it takes no more."""
        try:
            sent = self.socket.send(data)
            while sent < len(data):
                if not writable(self.socket, SEND_S):
                    raise Void(f"line {self.number}: the server read nothing for {SEND_S:g} s")
                sent += self.socket.send(data[sent:])
        except ConnectionError as error:
            raise Void(f"line {self.number}: the server has hung up ({error})") from error

    def receive(self) -> list[Message]:
        """Return the messages that came; raises ConnectionError at the line's end."""
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("the server closed the line")
        return self._reader.feed(data)


class Crowd:
    """Lines that are read together. lost: how many the server has closed.

    On a core of its own the crowd never sleeps: a send that must wake a sleeper costs the sender several times as much
    (an interrupt of another core), and a faster server would have to wake it more often.
    """

    def __init__(self, lines: Sequence[BenchConnection]) -> None:
        self.lines = list(lines)
        self.lost = 0
        self._spins = cores().generator is not None
        self._selector = selectors.DefaultSelector()
        for line in self.lines:
            self.take_back(line)

    def set_aside(self, line: BenchConnection) -> None:
        """Stop reading a line: to its server, the client has stalled."""
        self._selector.unregister(line.socket)

    def take_back(self, line: BenchConnection) -> None:
        self._selector.register(line.socket, selectors.EVENT_READ, line)

    def run(self, on_message: OnMessage, until: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Hand on what arrives, pings answered, until `until` is true; raises Void after `patience_s`."""
        deadline_s = time.monotonic() + patience_s
        while not until():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise Void(f"what was due did not arrive within {patience_s:g} s ({self.lost} lines lost)")
            for key, _ in self._selector.select(0 if self._spins else left_s):
                self._read(key.data, on_message)

    def linger(self, on_message: OnMessage, seconds: float) -> None:
        """Hand on what still arrives, for that long: what should not arrive any more, say."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            for key, _ in self._selector.select(left_s):
                self._read(key.data, on_message)

    def exchange(self, requests: Sequence[bytes], replies: int = 1) -> list[Message]:
        """Send each line its request and await that many messages on it; return each line's last of these."""
        heard: dict[BenchConnection, list[Message]] = {line: [] for line in self.lines}
        for line, request in zip(self.lines, requests, strict=True):
            line.send(request)
        self.run(
            lambda line, message: heard[line].append(message),
            lambda: all(len(messages) >= replies for messages in heard.values()),
        )
        return [messages[replies - 1] for messages in heard.values()]

    def close(self) -> None:
        """Let go of the lines; they stay open."""
        self._selector.close()

    def close_lines(self) -> None:
        """Hang up on every line."""
        self.close()
        for line in self.lines:
            line.socket.close()

    def _read(self, line: BenchConnection, on_message: OnMessage) -> None:
        try:
            for message in line.receive():
                if message.kind == PING:
                    line.send(client_frame(message.body, PONG))
                else:
                    on_message(line, message)
        except ConnectionError:
            self.set_aside(line)
            self.lost += 1


def writable(connection: socket.socket, patience_s: float) -> bool:
    """Wait until the socket takes bytes; return False if it does not in time."""
    with selectors.DefaultSelector() as selector:  # select.select() knows no file beyond the 1,024th
        selector.register(connection, selectors.EVENT_WRITE)
        return bool(selector.select(patience_s))
