"""Server-Sent Events under load: `locust -f loadtests/server_sent_events.py --headless -u 10 -r 10 --host http://...`.

Teaches that a stream costs one request, however much it delivers. What crosses the wire: one read from every user,
whose answer goes on, and a POST for each message. Locust's response time of these reads is how long the first byte
took. A stream is lines (HTML Standard, section 9.2): fields, a blank line after each event, now and then a comment.
"""

from geventhttpclient.response import HTTPSocketResponse
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS

from loadtests.chat_user import ChatUser
from loadtests.http_line import LineBroken
from servers.core.wire import Ack, Cursor, Page, Snapshot, SocketCommand, decode


class ServerSentEventsUser(ChatUser):
    """The server waits, within one answer: the client only listens."""

    def open(self, after: Cursor | None) -> Snapshot:
        snapshot = self.http.join()
        self.stream: HTTPSocketResponse = self.http.stream(after or snapshot.cursor)
        return snapshot

    def post(self, command: SocketCommand) -> Ack:
        return self.http.command(command)

    def receive(self) -> Page:
        event, data = "", ""
        while True:
            field, _, value = self._read_line().partition(": ")
            match field:
                case "event":
                    event = value
                case "data":
                    data = value
                case "" if event:
                    raise LineBroken(f"{event}: {data}")
                case "" if data:
                    return decode(data, type=Page)

    def leave(self) -> Ack:
        """Hang up, which says it all: an answer that was not read to its end takes its connection along."""
        self.stream.release()
        return Ack()

    def _read_line(self) -> str:
        try:
            line = self.stream.readline(b"\n")
        except FAILURE_EXCEPTIONS as error:
            raise LineBroken(f"the stream broke: {type(error).__name__}: {error}") from error
        if not line:
            raise LineBroken("the server ended the stream")
        return line.decode().removesuffix("\n")
