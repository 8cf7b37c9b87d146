"""Pusher adapter under load: `locust -f loadtests/pusher_adapter.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches that pushing through somebody else's server leaves the client three small duties: have the channel authorized,
beat for its presence lease, and read when a frame went missing. What crosses the wire: a POST for each message to the
API; a subscription to the push service, and its frames; a heartbeat every third of a lease.
"""

from time import perf_counter
from urllib.parse import urlencode, urlsplit

from locust import events
from locust.argument_parser import LocustArgumentParser
from msgspec.structs import replace

from clients.pusher_frames import ServiceAddress
from loadtests.chat_user import ChatUser
from loadtests.users.pusher_connection import PusherConnection
from loadtests.users.reports import read_as
from servers.core.wire import Ack, Cursor, Page, Snapshot, SocketCommand

GAP_S = 0.25  # how long a page that came too early may wait for those before it


class PusherAdapterUser(ChatUser):
    """Somebody else's server waits: the client listens to the service, and speaks to the API."""

    def open(self, after: Cursor | None) -> Snapshot:
        snapshot = self.http.join()
        self.heartbeat_s = snapshot.lease_s / 3
        self.next_heartbeat_s = perf_counter() + self.phase * self.heartbeat_s
        address = self.http.get("/pusher/service", ServiceAddress)
        if elsewhere := self.environment.parsed_options.push_service:
            url = urlsplit(elsewhere)
            address = replace(address, host=url.hostname, port=url.port, tls=url.scheme == "https")
        self.line = PusherConnection(address, self.report)
        channel = f"private-room-{self.room}"
        form = urlencode({"socket_id": self.line.socket_id, "channel_name": channel})
        self.line.subscribe(channel, self.http.post_form("/pusher/auth", form, dict[str, str])["auth"])
        self.must_read = True  # for what came between joining and subscribing
        return snapshot

    def post(self, command: SocketCommand) -> Ack:
        return self.http.command(command)

    def receive(self) -> Page:
        while not self.must_read:
            left_s = max(0.0, self.next_heartbeat_s - perf_counter())
            frame = self.line.hear_within(GAP_S if self.inbox.behind else left_s)
            if frame and frame.event == "page":
                return read_as(frame.data, Page)
            if not frame:
                self.must_read = self.inbox.behind or self.beat_and_lag()
        self.must_read = False
        return self.http.read(self.inbox.cursor)

    def leave(self) -> Ack:
        self.line.close()
        return self.http.leave()

    def beat_and_lag(self) -> bool:
        """Show a sign of life; tell whether the log's end, as heard in answer, lies ahead."""
        self.next_heartbeat_s += self.heartbeat_s
        return self.inbox.lags(self.http.heartbeat().cursor)


def add_option(parser: LocustArgumentParser) -> None:
    """Let a relay stand in front of the push service."""
    meaning = "Address at which users find the push service (http://host:port), instead of the one that the API tells."
    parser.add_argument("--push-service", default="", help=meaning)


events.init_command_line_parser.add_listener(add_option)
