"""Short polling under load: `locust -f loadtests/short_polling.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches what the price of a poll is: it is paid whether or not there is news. What crosses the wire: a read from every
user each interval, counted from the last answer and from a random phase, and a POST for each message.
"""

import gevent

from clients.inbox import Inbox
from loadtests.chat_user import ChatUser
from servers.core.wire import Ack, Page, Send


class ShortPollingUser(ChatUser):
    """The client waits: it sleeps, then asks."""

    def open(self) -> Inbox:
        self.pause_s = self.phase * self.workload.poll_interval_s
        return Inbox(self.http.join().cursor)

    def post(self, message: Send) -> Ack:
        return self.http.send(message)

    def receive(self) -> Page:
        gevent.sleep(self.pause_s)
        self.pause_s = self.workload.poll_interval_s
        return self.http.read(self.inbox.cursor)

    def close(self) -> None:
        self.http.leave()
