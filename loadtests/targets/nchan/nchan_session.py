"""The requests of a load user to nchan over HTTP, under the names of our own `HttpUserSession`; its ids as our cursors.

Teaches that a cursor is a cursor, whoever wrote the server: nchan names a message by its second and its place within
that second, `1763853196:2`, which is a total order of a room's messages. There are gaps between them, which does not
matter: accounting compares who had which message, and in which order.

What crosses the wire: a POST for each message, whose response has the message's id, and GETs with the id that was read
last. Leaves out what nchan does not have: log-ins, members, read receipts.
"""

from email.utils import parsedate_to_datetime
from typing import ClassVar

from loadtests.users.http_connection import ConnectionLost
from loadtests.users.http_session import HttpUserSession
from servers.core.wire import Account, Ack, Cursor, Event, Kind, Page, Send, Snapshot, SocketCommand, decode, encode

EPOCH = "nchan"
PLACE_BITS = 20  # of a message within its second, so for a million a second
START = Cursor(EPOCH, 0)  # before the oldest message that is kept
MESSAGE, NOTHING_NEW, HOLD_ENDED, NO_SUCH_CHANNEL = 200, 304, 408, 404
PUBLISHED = (201, 202)  # with subscribers, without
ACCEPT_JSON = {"Accept": "text/json"}


def to_seq(message_id: str) -> int:
    """Return the sequence number that stands for `<second>:<place>`; raise ValueError for anything else."""
    second, _, place = message_id.partition(":")
    return int(second) << PLACE_BITS | int(place)


def to_message_id(seq: int) -> str:
    """Return `<second>:<place>`."""
    return f"{seq >> PLACE_BITS}:{seq & (1 << PLACE_BITS) - 1}"


def of_headers(last_modified: str, etag: str) -> str:
    """Return the message id that an HTTP response has in two of its headers."""
    return f"{parsedate_to_datetime(last_modified).timestamp():.0f}:{etag}"


def page_of(room: str, after: Cursor, message_id: str, body: bytes) -> Page:
    """Return a page with one message; its body is the Send that was published."""
    seq, message = to_seq(message_id), decode(body, type=Send)
    sender = message.client_id.partition("-")[0]
    at_ms = 1000 * (seq >> PLACE_BITS)
    event = Event(room, seq, Kind.MESSAGE, sender, sender, message.text, at_ms, message.client_id)
    return Page(EPOCH, after.seq, seq, (event,))


def page_of_frame(room: str, after: Cursor, frame: bytes) -> Page:
    """Read a frame of the subprotocol `ws+meta.nchan`: headers, an empty line, the message."""
    head, _, body = frame.partition(b"\n\n")
    (message_id,) = (line[4:].decode() for line in head.splitlines() if line.startswith(b"id: "))
    return page_of(room, after, message_id, body)


class NchanSession(HttpUserSession):
    """One user in one room. Every method waits for its response, and raises ConnectionLost."""

    endpoint: ClassVar[str]
    """Where to read: whether a read is held is the server's configuration, not the client's choice."""

    def log_in(self, name: str) -> Account:
        """Use the connection's name as an account: nchan has no users."""
        return Account(self.connection, name, "", 0)

    def join(self) -> Snapshot:
        """Get the room's newest message id, after which receiving begins."""
        path, expected = f"/publish/{self._room}", (MESSAGE, NO_SUCH_CHANNEL)
        with self.request("GET", path, headers=ACCEPT_JSON, expected=expected) as response:
            seq = to_seq(decode(response.body)["last_message_id"]) if response.status == MESSAGE else START.seq
            return Snapshot(EPOCH, seq, 0.0, (), {}, ())

    def command(self, command: SocketCommand) -> Ack:
        """Publish a message; the acknowledgement's seq is its own id."""
        if not isinstance(command, Send):
            raise ConnectionLost(f"nchan carries messages only, got {command}")
        headers = {"Content-Type": "application/json", **ACCEPT_JSON}
        with self.request("POST", f"/publish/{self._room}", encode(command), headers, PUBLISHED) as response:
            return Ack(seq=to_seq(decode(response.body)["last_message_id"]))

    def read(self, after: Cursor, conditional: bool = False) -> Page:
        """Get the next message, a conditional request or not; whether it is held depends on the endpoint."""
        path = f"/{self.endpoint}/{self._room}?last_event_id={to_message_id(after.seq)}"
        with self.request("GET", path, expected=(MESSAGE, NOTHING_NEW, HOLD_ENDED)) as response:
            if response.status != MESSAGE:
                return Page.empty(after)
            message_id = of_headers(response.headers["last-modified"], response.headers["etag"])
            return page_of(self._room, after, message_id, response.body)

    def leave(self) -> Ack:
        """Do nothing: nchan has no members."""
        return Ack()


class IntervalSession(NchanSession):
    endpoint = "interval"


class LongPollingSession(NchanSession):
    endpoint = "longpoll"
