"""The vendor's own browser client, pusher-js, against our stand-in for the vendor."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pusher
import pytest

from servers.shortest.processes import DEADLINE_S, Process, line_of, running
from tests.support.pusher_harness import CREDENTIALS
from tests.support.shortest_harness import QuietHandler, http_server

pytestmark = pytest.mark.process

SCRIPT = Path(__file__).parent / "pusher_js" / "subscribe.mjs"
FORBIDDEN = "private-secrets"


@contextmanager
def auth_endpoint(api: pusher.Pusher) -> Iterator[str]:
    """Serve what an API serves to pusher-js: a form with socket and channel comes in, a signature goes out."""

    class Authorize(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 (the library's name)
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            (channel,), (socket_id,) = form["channel_name"], form["socket_id"]
            self.send_response(403 if channel == FORBIDDEN else 200)
            self.end_headers()
            self.wfile.write(json.dumps(channel != FORBIDDEN and api.authenticate(channel, socket_id)).encode())

    with http_server(Authorize) as address:
        yield f"{address}/auth"


@contextmanager
def pusher_js(address: str, endpoint: str, channel: str, transport: str = "ws") -> Iterator[Process]:
    """Run the script under node until the block ends; fails, never skips, when pusher-js is not installed."""
    host, _, port = address.removeprefix("http://").partition(":")
    wanted = {"key": CREDENTIALS.key, "host": host, "port": int(port)}
    wanted |= {"authEndpoint": endpoint, "channel": channel, "event": "message"}
    wanted["transport"] = transport
    with running(["node", str(SCRIPT), json.dumps(wanted)]) as process:
        yield process


@pytest.mark.parametrize("transport", ["ws", "xhr_streaming", "xhr_polling"])
def test_pusher_js_receives_what_the_official_library_publishes(
    transport: str, address: str, api: pusher.Pusher
) -> None:
    with auth_endpoint(api) as endpoint, pusher_js(address, endpoint, "private-room", transport) as client:
        assert json.loads(line_of(client))["happened"] == "subscribed"
        api.trigger("private-room", "message", {"body": "Grüße", "seq": 1})
        assert json.loads(line_of(client)) == {"happened": "event", "data": {"body": "Grüße", "seq": 1}}
        assert client.wait(DEADLINE_S) == 0


def test_pusher_js_reports_that_the_api_refuses_a_channel(address: str, api: pusher.Pusher) -> None:
    with auth_endpoint(api) as endpoint, pusher_js(address, endpoint, FORBIDDEN) as client:
        assert json.loads(line_of(client)) == {"happened": "refused", "status": 403}
        assert client.wait(DEADLINE_S) == 0
