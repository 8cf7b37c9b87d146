"""Pusher adapter under load: `locust -f loadtests/pusher_adapter.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches that pushing through somebody else's server leaves the client three small duties: have the channel authorized,
renew its presence lease by heartbeats (unless the service reports who is connected), and read the log when a frame is
missing or after too much silence. A heartbeat has a greenlet of its own, so that no page waits for its response.
"""

from contextlib import closing
from time import perf_counter
from urllib.parse import urlencode, urlsplit

import gevent
from gevent import Greenlet
from locust import events
from locust.argument_parser import LocustArgumentParser
from msgspec.structs import replace

from loadtests.chat_user import ChatUser
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.pusher_connection import PusherConnection
from loadtests.users.reports import read_as
from servers.core.wire import Ack, Cursor, Page, ServiceAddress, SignedSubscription, Snapshot

GAP_S = 0.25  # how long a page that came too early may wait for those before it


class PusherAdapterUser(ChatUser):
    """Somebody else's server waits: the client receives from the service, and sends to the API."""

    heartbeat: Greenlet | None = None
    """The request that renews the lease, until its response was looked at."""

    def open(self, after: Cursor | None) -> Snapshot:
        snapshot = self.http.join()
        self.heartbeat_s = snapshot.lease_s / 3
        self.next_check_s = perf_counter() + self.phase * self.heartbeat_s
        address = self.http.get("/pusher/service", ServiceAddress)
        self.silence_s = address.silence_s
        if relay := self.environment.parsed_options.push_service:
            url = urlsplit(relay)
            address = replace(address, host=url.hostname, port=url.port, tls=url.scheme == "https")
        self.subscription = self.opened.enter_context(closing(PusherConnection(address, self.report)))
        self.opened.callback(self.stop_heartbeat)
        channel, socket_id = address.channel_prefix + self.room, self.subscription.socket_id
        form = {"socket_id": socket_id, "channel_name": channel, "connection": self.http.connection}
        self.subscription.subscribe(channel, self.http.post_form("/pusher/auth", urlencode(form), SignedSubscription))
        self.must_read = True  # for events between joining and subscribing
        return snapshot

    def receive(self) -> Page:
        while not self.must_read:
            frame = self.subscription.receive(self.patience_s())
            if frame and frame.event == "page":
                self.note_page()
                return read_as(frame.data, Page)
            if not frame:
                self.must_read = self.is_behind()
        self.must_read = False
        self.note_page()
        return self.http.read(self.inbox.cursor)

    def leave(self) -> Ack:
        self.opened.close()
        return super().leave()

    def patience_s(self) -> float:
        """Return how long to wait for a frame before `is_behind` is asked."""
        if self.inbox.behind:
            return GAP_S
        if self.heartbeat is not None:  # one that has ended is false
            return 0.0 if self.heartbeat.ready() else GAP_S
        return max(0.0, self.next_check_s - perf_counter())

    def is_behind(self) -> bool:
        """Return whether the log must be read, since no frame came; send a heartbeat, or look at its response."""
        if self.inbox.behind or self.silence_s:
            return True
        if self.heartbeat is None:
            self.next_check_s += self.heartbeat_s
            self.heartbeat = gevent.spawn(self.renew_lease)
            return False
        if not self.heartbeat.ready():
            return False
        head, self.heartbeat = self.heartbeat.get(), None
        if isinstance(head, ConnectionLost):
            raise head
        return self.inbox.lags(head)

    def renew_lease(self) -> Cursor | ConnectionLost:
        """Send a heartbeat; return the room's head, as the response has it, or what went wrong."""
        try:
            return self.http.heartbeat().cursor
        except ConnectionLost as lost:
            return lost

    def stop_heartbeat(self) -> None:
        """Give up a heartbeat that waits for its response."""
        if self.heartbeat is not None:
            self.heartbeat.kill()
            self.heartbeat = None

    def note_page(self) -> None:
        """Measure the silence anew from now on, if no heartbeats are sent."""
        if self.silence_s:
            self.next_check_s = perf_counter() + self.silence_s


def add_option(parser: LocustArgumentParser) -> None:
    """Allow a relay in front of the push service."""
    meaning = "Address at which users find the push service (http://host:port), instead of the one that the API names."
    parser.add_argument("--push-service", default="", help=meaning)


events.init_command_line_parser.add_listener(add_option)
