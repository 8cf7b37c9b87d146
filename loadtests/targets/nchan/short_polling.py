"""Short polling of nchan: `locust -f loadtests/targets/nchan/short_polling.py --host http://127.0.0.1:8090`.

The same user as for our own server, but for its line, and for one habit: nchan tells one message in an answer, so after
each of them the user asks again at once, until there is none.
"""

from loadtests import short_polling
from loadtests.targets.nchan.nchan_connection import IntervalConnection
from servers.core.wire import Page


class NchanShortPollingUser(short_polling.ShortPollingUser):
    """The client waits: it sleeps, then asks until it has everything."""

    http_line = IntervalConnection

    def receive(self) -> Page:
        page = super().receive()
        if page.events:
            self.pause_s = 0.0
        return page
