"""Short polling under load: `locust -f loadtests/short_polling.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches what the price of a poll is: it is paid whether or not there is news. What crosses the wire: a read from every
user each interval, counted from the last answer and from a random phase, and a POST for each message.
"""

import gevent

from loadtests.chat_user import ChatUser
from servers.core.wire import Ack, Cursor, Page, Snapshot, SocketCommand


class ShortPollingUser(ChatUser):
    """The client waits: it sleeps, then asks."""

    def open(self, after: Cursor | None) -> Snapshot:
        self.pause_s = self.phase * self.workload.poll_interval_s
        return self.http.join()

    def post(self, command: SocketCommand) -> Ack:
        return self.http.command(command)

    def receive(self) -> Page:
        gevent.sleep(self.pause_s)
        self.pause_s = self.workload.poll_interval_s
        return self.http.read(self.inbox.cursor)

    def leave(self) -> Ack:
        return self.http.leave()
