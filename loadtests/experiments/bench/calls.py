"""What the load generator sends: requests as bytes, with a browser's headers, and the calls that log in and connect.

Both servers of a pair get the same headers, the token included, so that parsing them costs both the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from math import ceil
from urllib.parse import urlsplit

from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.measured_server import MeasuredServer, chat_server
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


def poll_requests(address: str, accounts: Sequence[Account], cursor: Cursor, room: str = "room") -> list[bytes]:
    """Return each account's poll of a room for the events after a cursor."""
    path = f"/rooms/{room}/events?after={cursor}&connection=c"
    return [http_request(address, "GET", f"{path}{number}", user.token) for number, user in enumerate(accounts)]


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


def exchange(
    connections: Sequence[BenchConnection], requests: Sequence[bytes], kind: int, what: str, replies: int = 1
) -> list[bytes]:
    """Send each connection its request and await `replies` messages on it; return the body of the last of them.

    Raises Void if that is of another kind.
    """
    crowd = Crowd(connections)
    received: dict[BenchConnection, list[Message]] = {connection: [] for connection in connections}
    for connection, request in zip(connections, requests, strict=True):
        connection.send(request)
    crowd.run(
        lambda connection, message: received[connection].append(message),
        lambda: all(len(messages) >= replies for messages in received.values()),
    )
    crowd.detach()
    return [expect(messages[replies - 1], kind, what) for messages in received.values()]


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


@contextmanager
def joined(slug: str, connections: int) -> Iterator[tuple[MeasuredServer, list[Account], Cursor]]:
    """Run a chat server with a room that all have joined; yield it, each connection's account and the room's head."""
    with chat_server(slug) as server:
        with api_client(server.address) as client:
            accounts = log_in(client, connections)
            head = join(client, accounts)
        yield server, accounts, head


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
        exchange(batch, [upgrade_request(address, path)] * len(batch), SWITCHING, f"upgrade of {path}")
        if joins:
            for snapshot in exchange(batch, joins[start : start + BATCH], TEXT, "join"):
                decode(snapshot, type=Snapshot)
        opened += batch
    return opened
