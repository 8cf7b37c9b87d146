"""Long polling under load: `locust -f loadtests/long_polling.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches that a held request delivers at once, and that every delivery then costs a request. Locust's response time of
these reads is how long they were held, not a latency.
"""

import gevent

from loadtests.chat_user import ChatUser
from servers.core.wire import Page


class LongPollingUser(ChatUser):
    """The server waits: it holds each read."""

    def receive(self) -> Page:
        gevent.sleep(0)  # every recipient of this moment records it, before anybody sends the next request
        return self.http.read(self.inbox.cursor)
