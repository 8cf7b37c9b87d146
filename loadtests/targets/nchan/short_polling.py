"""Short polling of nchan: `locust -f loadtests/targets/nchan/short_polling.py --host http://127.0.0.1:8090`.

The same user as for our own server, with the requests of nchan. An nchan response holds one message, so after each the
user polls again at once, until there is none.
"""

from loadtests import short_polling
from loadtests.targets.nchan.nchan_session import IntervalSession
from servers.core.wire import Page


class NchanShortPollingUser(short_polling.ShortPollingUser):
    """The client waits: it sleeps, then polls until it has everything."""

    session_class = IntervalSession

    def receive(self) -> Page:
        if self.last_page and self.last_page.events:
            return self.http.read(self.inbox.cursor)
        return super().receive()
