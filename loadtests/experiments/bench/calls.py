"""What the load generator says: requests as bytes, with a browser's headers, and the calls that let a crowd in.

Both legs of a pair send the same headers, the token included, so that parsing them costs both the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TypeVar
from urllib.parse import urlsplit

from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.pairs import Void
from loadtests.experiments.bench.readers import SWITCHING, TEXT, Message, client_frame
from loadtests.users.request_headers import BROWSER_HEADERS
from servers.core.wire import Account, Event, Join, Kind, LogIn, Page, Snapshot, decode, encode

Answer = TypeVar("Answer")
LINES_PER_USER = 8  # what the server allows: servers.core.settings.connections_max
BATCH = 50  # connecting at once: below the 100 that asyncio's servers let wait
WORDS = "m" * 120
STRANGER = Account("0123456789abcdef", "user-0", "t" * 96, 0)  # for a baseline, which believes any token
MARK = b'"kind":"message"'  # every message's event holds it once, and a message's text never does

_COMMON = "".join(f"{name}: {value}\r\n" for name, value in BROWSER_HEADERS.items() if name != "Connection")


def http_request(address: str, method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    lines = f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nConnection: keep-alive\r\n{_COMMON}"
    if token:
        lines += f"Authorization: Bearer {token}\r\n"
    if method == "POST":
        lines += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return lines.encode() + b"\r\n" + body


def upgrade(address: str, path: str) -> bytes:
    """Return the opening handshake of a WebSocket (RFC 6455 section 4.1); the key is the RFC's own example."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{_COMMON}\r\n"
    ).encode()


def expect(message: Message, kind: int, what: str) -> bytes:
    """Return the message's body; raises Void when it is not what was due."""
    if message.kind != kind:
        raise Void(f"{what}: expected {kind}, got {message.kind} {message.body[:200]!r}")
    return message.body


class Caller:
    """One client that asks and waits for the answer."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._crowd = Crowd([BenchConnection(address)])

    def call(self, method: str, path: str, answer: type[Answer], token: str = "", wish: object = None) -> Answer:
        """Ask, and return the decoded answer; raises Void unless its status is 200."""
        self.say(method, path, token, wish)
        return self.hear(answer)

    def say(self, method: str, path: str, token: str = "", wish: object = None) -> None:
        """Ask, without awaiting the answer: `hear` it later."""
        body = encode(wish) if wish is not None else b""
        self._crowd.lines[0].send(http_request(self.address, method, path, token, body))

    def hear(self, answer: type[Answer]) -> Answer:
        """Await an answer, and return it decoded; raises Void unless its status is 200."""
        messages: list[Message] = []
        self._crowd.run(lambda _, message: messages.append(message), lambda: bool(messages))
        return decode(expect(messages[0], 200, "call"), type=answer)

    def log_in(self, name: str) -> Account:
        return self.call("POST", "/login", Account, wish=LogIn(name))

    def join(self, account: Account, room: str, connection: str) -> Snapshot:
        return self.call("POST", f"/rooms/{room}/join", Snapshot, account.token, Join(connection=connection))

    def close(self) -> None:
        self._crowd.close_lines()


def accounts(caller: Caller, lines: int, lines_per_user: int = LINES_PER_USER) -> list[Account]:
    """Log in as few users as may own that many lines; return each line's account."""
    users = [caller.log_in(f"user-{number}") for number in range(-(-lines // lines_per_user))]
    return [users[number // lines_per_user] for number in range(lines)]


def example_page(seq: int) -> bytes:
    """Return a page with one message, as our servers would send it."""
    event = Event("room", seq, Kind.MESSAGE, STRANGER.user, "user-0", WORDS, 1_700_000_000_000, f"id-{seq}")
    return encode(Page("0123abcd", seq - 1, seq, (event,)))


def connect(address: str, lines: int) -> list[BenchConnection]:
    return [BenchConnection(address, number) for number in range(lines)]


def open_sockets(address: str, path: str, lines: int, joins: Sequence[bytes] = ()) -> list[BenchConnection]:
    """Open WebSockets, batch by batch; with `joins`, send each its first frame and await a snapshot.

    Raises Void if one is refused.
    """
    opened: list[BenchConnection] = []
    for batch in _batches(lines):
        fresh = [BenchConnection(address, number) for number in batch]
        with closing(Crowd(fresh)) as crowd:
            for message in crowd.exchange([upgrade(address, path)] * len(fresh)):
                expect(message, SWITCHING, f"upgrade of {path}")
            if joins:
                for message in crowd.exchange([joins[number] for number in batch]):
                    decode(expect(message, TEXT, "join"), type=Snapshot)
        opened += fresh
    return opened


def join_frames(owners: Sequence[Account]) -> list[bytes]:
    """Return each socket's first frame: joining the room as its owner."""
    joins = (Join(connection=f"c{number}", token=owner.token) for number, owner in enumerate(owners))
    return [client_frame(encode(join)) for join in joins]


def _batches(total: int) -> Iterator[range]:
    return (range(start, min(start + BATCH, total)) for start in range(0, total, BATCH))
