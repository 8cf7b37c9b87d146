"""Short polling under load: `locust -f loadtests/short_polling.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches that the price of a poll is paid whether or not there are new events. What crosses the wire: a read each
interval, counted from the last response and from a random phase; options vary that (`clients.backoff`).
"""

import gevent

from clients.backoff import PollPace
from loadtests.chat_user import ChatUser
from loadtests.users.generator_process import sleep_until
from servers.core.wire import Cursor, Page, Snapshot


class ShortPollingUser(ChatUser):
    """The client waits: it sleeps, then polls."""

    def open(self, after: Cursor | None) -> Snapshot:
        load = self.workload
        self.pace = PollPace(load.poll_interval_s, load.poll_limit_s, load.poll_jitter, self.random)
        return super().open(after)

    def receive(self) -> Page:
        if self.last_page:
            gevent.sleep(self.pace.next_s())
        elif self.workload.polls_together:
            self.process.wait_for_begin()
            sleep_until(self.process.begin_s)
        else:
            gevent.sleep(self.pace.next_s() * self.phase)
        page = self.http.read(self.inbox.cursor, bool(self.workload.conditional))
        self.pace.note(bool(page.events))
        return page
