"""The requests of a load user to nchan over HTTP, under the names of our own `HttpUserSession`.

What crosses the wire: a POST for each message, whose response has the message's id, and GETs with the id that was read
last. Leaves out what nchan does not have: log-ins, members, read receipts.
"""

from typing import ClassVar

from loadtests.targets.nchan.message_ids import EPOCH, START, empty_page, of_headers, page_of, to_message_id, to_seq
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.http_session import HttpUserSession
from servers.core.wire import Account, Ack, Cursor, Page, Send, Snapshot, SocketCommand, decode, encode

MESSAGE, NOTHING_NEW, HOLD_ENDED, NO_SUCH_CHANNEL = 200, 304, 408, 404
PUBLISHED = (201, 202)  # with subscribers, without
ACCEPT_JSON = {"Accept": "text/json"}


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

    def read(self, after: Cursor) -> Page:
        """Get the next message; whether the server holds the request depends on the endpoint."""
        path = f"/{self.endpoint}/{self._room}?last_event_id={to_message_id(after.seq)}"
        with self.request("GET", path, expected=(MESSAGE, NOTHING_NEW, HOLD_ENDED)) as response:
            if response.status != MESSAGE:
                return empty_page(after)
            message_id = of_headers(response.headers["last-modified"], response.headers["etag"])
            return page_of(self._room, after, message_id, response.body)

    def leave(self) -> Ack:
        """Do nothing: nchan has no members."""
        return Ack()


class IntervalSession(NchanSession):
    endpoint = "interval"


class LongPollingSession(NchanSession):
    endpoint = "longpoll"
