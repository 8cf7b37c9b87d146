"""What a user of the load test says to nchan over HTTP, under the names of our own `HttpUserSession`.

What crosses the wire: a POST for each message, whose answer names the message's id, and GETs that tell where they
stand. Leaves out what nchan does not have: log-ins, members, acknowledged reading.
"""

from typing import ClassVar

from loadtests.targets.nchan.message_ids import EPOCH, START, nothing, of_headers, one_message, to_message_id, to_seq
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.http_session import HttpUserSession
from servers.core.wire import Account, Ack, Cursor, Page, Send, Snapshot, SocketCommand, decode, encode

MESSAGE, NO_NEWS, NO_NEWS_WHILE_HELD, NO_SUCH_CHANNEL = 200, 304, 408, 404
PUBLISHED = (201, 202)  # to somebody, to nobody
AS_JSON = {"Accept": "text/json"}


class NchanConnection(HttpUserSession):
    """One user in one room. Every method waits for its answer, and raises ConnectionLost."""

    endpoint: ClassVar[str]
    """Where to read: the way of waiting is the server's configuration, not the client's wish."""

    def log_in(self, name: str) -> Account:
        """Take the connection's name for an account: nchan knows no users."""
        return Account(self.connection, name, "", 0)

    def join(self) -> Snapshot:
        """Ask for the room's newest message id, after which listening begins."""
        answer = self.exchange("GET", f"/publish/{self._room}", b"", AS_JSON, (MESSAGE, NO_SUCH_CHANNEL))
        seq = to_seq(decode(answer.body)["last_message_id"]) if answer.status == MESSAGE else START.seq
        return Snapshot(EPOCH, seq, 0.0, (), {}, ())

    def command(self, command: SocketCommand) -> Ack:
        """Publish a message; the acknowledgement's seq is its own id."""
        if not isinstance(command, Send):
            raise ConnectionLost(f"nchan carries messages only, got {command}")
        headers = {"Content-Type": "application/json", **AS_JSON}
        answer = self.exchange("POST", f"/publish/{self._room}", encode(command), headers, PUBLISHED)
        return Ack(seq=to_seq(decode(answer.body)["last_message_id"]))

    def read(self, after: Cursor) -> Page:
        """Ask for the next message, the endpoint's way."""
        path = f"/{self.endpoint}/{self._room}?last_event_id={to_message_id(after.seq)}"
        answer = self.exchange("GET", path, expected=(MESSAGE, NO_NEWS, NO_NEWS_WHILE_HELD))
        if answer.status != MESSAGE:
            return nothing(after)
        message_id = of_headers(answer.headers["last-modified"], answer.headers["etag"])
        return one_message(self._room, after, message_id, answer.body)

    def leave(self) -> Ack:
        """Do nothing: nobody is told who listens."""
        return Ack()


class IntervalConnection(NchanConnection):
    endpoint = "interval"


class LongpollConnection(NchanConnection):
    endpoint = "longpoll"
