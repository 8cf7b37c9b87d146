"""What the load generator sends: requests as bytes, with a browser's headers, and the calls that log in and connect.

Both servers of a pair get the same headers, the token included, so that parsing them costs both the same.
"""

from collections.abc import Sequence
from contextlib import closing
from math import ceil
from urllib.parse import urlsplit

from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.pairs import Void
from loadtests.experiments.bench.readers import SWITCHING, TEXT, Message, client_frame
from loadtests.users.http_connection import BROWSER_HEADERS, encoded
from loadtests.users.http_session import HttpUserSession
from servers.core.wire import Account, Cursor, Join, Snapshot, decode, encode

CONNECTIONS_PER_USER = 8  # what the server allows: servers.core.settings.connections_max
BATCH = 50  # connections opened at once: below the backlog of asyncio's servers, 100
MARK = b'"kind":"message"'  # every message's event holds it once, and a message's text never does


def http_request(address: str, method: str, path: str, token: str, body: bytes = b"") -> bytes:
    """Return a request that keeps its connection open."""
    headers = {"Host": urlsplit(address).netloc, "Connection": "keep-alive", **BROWSER_HEADERS}
    headers["Authorization"] = f"Bearer {token}"
    if method == "POST":
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return encoded(method, path, headers, body)


def poll_request(address: str, token: str, cursor: object, number: int) -> bytes:
    """Return a poll of the room `room` by the connection with that number."""
    return http_request(address, "GET", f"/rooms/room/events?after={cursor}&connection=c{number}", token)


def upgrade_request(address: str, path: str) -> bytes:
    """Return the opening handshake of a WebSocket (RFC 6455 section 4.1); the key is the RFC's own example."""
    upgrade = {"Host": urlsplit(address).netloc, "Connection": "Upgrade", "Upgrade": "websocket"}
    key = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    return encoded("GET", path, {**upgrade, **key, **BROWSER_HEADERS}, b"")


def expect(message: Message, kind: int, what: str) -> bytes:
    """Return the message's body; raises Void when it is of another kind."""
    if message.kind != kind:
        raise Void(f"{what}: expected {kind}, got {message.kind} {message.body[:200]!r}")
    return message.body


def api_client(address: str) -> closing[HttpUserSession]:
    """Open a client that sends requests with the token that is set on it; raises ConnectionLost."""
    return closing(HttpUserSession(address, lambda *_: None, room="room", connection="c0"))


def log_in(client: HttpUserSession, connections: int, per_user: int = CONNECTIONS_PER_USER) -> list[Account]:
    """Log in the smallest number of users that may own these connections; return each connection's account."""
    users = [client.log_in(f"user-{number}") for number in range(ceil(connections / per_user))]
    return [users[number // per_user] for number in range(connections)]


def join(client: HttpUserSession, accounts: Sequence[Account], room: str = "room") -> Cursor:
    """Join a room over HTTP with a connection for each account; return its head, as the last of them sees it."""
    for number, account in enumerate(accounts):
        client.token = account.token
        snapshot = client.post(f"/rooms/{room}/join", Join(connection=f"c{number}"), Snapshot)
    return snapshot.cursor


def join_frames(accounts: Sequence[Account]) -> list[bytes]:
    """Return each socket's first frame: joining the room as its account."""
    joins = (Join(connection=f"c{number}", token=account.token) for number, account in enumerate(accounts))
    return [client_frame(encode(join)) for join in joins]


def connect(address: str, connections: int) -> list[BenchConnection]:
    return [BenchConnection(address, number) for number in range(connections)]


def open_sockets(address: str, path: str, connections: int, joins: Sequence[bytes] = ()) -> list[BenchConnection]:
    """Open WebSockets, batch by batch; with `joins`, send each its first frame and await a snapshot.

    Raises Void if one is refused.
    """
    opened: list[BenchConnection] = []
    for start in range(0, connections, BATCH):
        batch = [BenchConnection(address, number) for number in range(start, min(start + BATCH, connections))]
        crowd = Crowd(batch)
        for message in crowd.exchange([upgrade_request(address, path)] * len(batch)):
            expect(message, SWITCHING, f"upgrade of {path}")
        if joins:
            for message in crowd.exchange([joins[connection.number] for connection in batch]):
                decode(expect(message, TEXT, "join"), type=Snapshot)
        crowd.detach()
        opened += batch
    return opened
