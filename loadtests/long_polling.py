"""Long polling under load: `locust -f loadtests/long_polling.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches that a held request delivers at once, and that every delivery then costs a request. What crosses the wire: one
read from every user, held by the server and asked again after each answer, and a POST for each message. Locust's
response time of these reads is how long they were held, not a latency.
"""

from loadtests.chat_user import ChatUser
from servers.core.wire import Ack, Cursor, Page, Snapshot, SocketCommand


class LongPollingUser(ChatUser):
    """The server waits: to ask is to wait."""

    def open(self, after: Cursor | None) -> Snapshot:
        return self.http.join()

    def post(self, command: SocketCommand) -> Ack:
        return self.http.command(command)

    def receive(self) -> Page:
        return self.http.read(self.inbox.cursor)

    def leave(self) -> Ack:
        return self.http.leave()
