"""Short polling under load: `locust -f loadtests/short_polling.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches what the price of a poll is: it is paid whether or not there are new events. What crosses the wire: a read from
every user each interval, counted from the last response and from a random phase, and a POST for each message.
"""

import gevent

from loadtests.chat_user import ChatUser
from servers.core.wire import Page


class ShortPollingUser(ChatUser):
    """The client waits: it sleeps, then polls."""

    def receive(self) -> Page:
        gevent.sleep(self.workload.poll_interval_s * (1.0 if self.last_page else self.phase))
        return self.http.read(self.inbox.cursor)
