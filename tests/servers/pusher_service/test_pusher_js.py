"""The vendor's own browser client, pusher-js, against our stand-in for the vendor."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pusher
import pytest

from tests.support.pusher_harness import CREDENTIALS, Json
from tests.support.pusher_process import DEADLINE_S
from tests.support.shortest_harness import QuietHandler, http_server

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "tests" / "servers" / "pusher_service" / "pusher_js" / "subscribe.mjs"
INSTALLED = ROOT / "clients" / "web" / "node_modules" / "pusher-js"
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
def pusher_js(address: str, endpoint: str, channel: str) -> Iterator[subprocess.Popen[str]]:
    """Run the script under node until the block ends; fails, never skips, when pusher-js is not installed."""
    node = shutil.which("node")
    if node is None or not INSTALLED.is_dir():
        pytest.fail("pusher-js is not installed for node: run `make setup`")
    host, port = address.removeprefix("http://").split(":")
    wanted = {"key": CREDENTIALS.key, "host": host, "port": int(port)}
    wanted |= {"authEndpoint": endpoint, "channel": channel, "event": "message"}
    command = [node, str(SCRIPT), json.dumps(wanted)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def report_of(process: subprocess.Popen[str]) -> Json:
    """Wait for the script's next line; the script ends by itself at its own deadline, so this does too."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"node ended with status {process.wait(DEADLINE_S)} and printed nothing more"
    report: Json = json.loads(line)
    return report


def test_pusher_js_receives_what_the_official_library_publishes(address: str, api: pusher.Pusher) -> None:
    with auth_endpoint(api) as endpoint, pusher_js(address, endpoint, "private-room") as client:
        assert report_of(client)["happened"] == "subscribed"
        api.trigger("private-room", "message", {"body": "Grüße", "seq": 1})
        assert report_of(client) == {"happened": "event", "data": {"body": "Grüße", "seq": 1}}
        assert client.wait(DEADLINE_S) == 0


def test_pusher_js_reports_that_the_api_refuses_a_channel(address: str, api: pusher.Pusher) -> None:
    with auth_endpoint(api) as endpoint, pusher_js(address, endpoint, FORBIDDEN) as client:
        assert report_of(client) == {"happened": "refused", "status": 403}
        assert client.wait(DEADLINE_S) == 0
