"""Server-Sent Events under load: `locust -f loadtests/server_sent_events.py --headless -u 10 -r 10 --host http://...`.

Teaches that a stream costs one request, however much it delivers. What crosses the wire: one read from every user,
whose response does not end, and a POST for each message. Locust's response time of these reads is the time to the
headers. A stream is lines (HTML Standard, section 9.2): fields, a blank line after each event, now and then a comment.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing

from loadtests.chat_user import ChatUser
from loadtests.users.http_connection import ConnectionLost, Exchange
from loadtests.users.reports import read_as
from servers.core.wire import Ack, Cursor, Page, Refusal, Snapshot


class ServerSentEventsUser(ChatUser):
    """The server waits, within one response: the client only reads."""

    def open(self, after: Cursor | None) -> Snapshot:
        snapshot = self.http.join()
        stream: Exchange = self.opened.enter_context(closing(self.http.stream(snapshot.cursor, last_event_id=after)))
        self.lines = lines_of(stream.body())
        return snapshot

    def receive(self) -> Page:
        event, data = "", ""
        for line in self.lines:
            if line.startswith(":"):  # a comment, which keeps the stream alive
                continue
            field, _, value = line.partition(": ")
            match field:
                case "event":
                    event = value
                case "data":
                    data = value
                case "" if event:  # a page has no event type, so this is a refusal
                    raise ConnectionLost(f"{event}: {data}", read_as(data, Refusal).retry_after_s)
                case "" if data:
                    return read_as(data, Page)
        raise ConnectionLost("the server ended the stream")

    def leave(self) -> Ack:
        """Close the connection, which is all that it takes: the server releases the lease."""
        self.opened.close()
        return Ack()


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a stream that comes in pieces, each once it is complete."""
    incomplete = b""
    for chunk in chunks:
        *lines, incomplete = (incomplete + chunk).split(b"\n")
        yield from (line.decode() for line in lines)
