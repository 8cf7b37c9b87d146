"""The official clients use the push service: with the code of its README, and pusher-js over each transport."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pusher
import pytest

from servers.shortest.processes import Process, line_of, running
from tests.support.guest import receive
from tests.support.pusher_process import DEADLINE_S, ENV, open_connection, subscribe
from tests.support.shortest_harness import QuietHandler, http_server

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
README = (ROOT / "servers" / "pusher_service" / "README.md").read_text(encoding="utf-8")
JAVASCRIPT = ROOT / "servers" / "shortest" / "javascript"
NPM = {"pusher-js": ROOT / "clients" / "web", "laravel-echo": JAVASCRIPT, "pusher": JAVASCRIPT}
THEN = {
    "pusher-js": 'const channel = client.subscribe("news");'
    'channel.bind("pusher:subscription_succeeded", () => console.log("subscribed"));'
    'channel.bind("hello", (data) => { console.log(data); client.disconnect(); });',
    "laravel-echo": 'echo.channel("news").subscribed(() => console.log("subscribed"))'
    '.listen(".hello", (data) => { console.log(data); echo.disconnect(); });',
    "pusher": 'api.trigger("news", "hello", "by npm");',
}
SCRIPT = Path(__file__).with_name("subscribe.mjs")
FORBIDDEN = "private-secrets"


def readme_block(language: str, needle: str) -> str:
    """Return the README's block of a language that contains some text."""
    found: str
    (found,) = (block for block in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if needle in block)
    return found


def script(package: str, block: str, port: str) -> list[str]:
    """Return the command that runs a block as it stands, but for the port, with a package of npm."""
    named = "".join(f"const {name} = {json.dumps(value)};" for name, value in ENV.items())
    echo = 'import Echo from "laravel-echo";' if package == "laravel-echo" else ""
    named += f'import Pusher from "{"pusher-js" if echo else package}";{echo}'
    return ["node", "--input-type=module", "-e", f"{named}{block.replace('8300', port)}{THEN[package]}"]


def test_the_readmes_code_publishes_with_each_official_library(address: str) -> None:
    port = address.rpartition(":")[2]
    with open_connection(address) as (subscriber, socket_id):
        subscribe(subscriber, socket_id, "news")
        given = {"pusher": pusher, **ENV}
        exec(readme_block("python", "pusher.Pusher").replace("8300", port), given)
        given["api"].trigger("news", "hello", "by PyPI")  # type: ignore[attr-defined]
        by_npm = script("pusher", readme_block("js", "appId"), port)
        subprocess.run(by_npm, cwd=NPM["pusher"], check=True, timeout=DEADLINE_S)
        assert [receive(subscriber)["data"] for _ in range(2)] == ["by PyPI", "by npm"]


@pytest.mark.parametrize(("package", "needle"), [("pusher-js", "new Pusher(PUSHER_KEY"), ("laravel-echo", "new Echo")])
def test_the_readmes_code_subscribes_a_browser(package: str, needle: str, address: str, api: pusher.Pusher) -> None:
    browser = script(package, readme_block("js", needle), address.rpartition(":")[2])
    with running(browser, cwd=NPM[package]) as client:
        assert line_of(client) == "subscribed"
        api.trigger("news", "hello", "to a browser")
        assert line_of(client) == "to a browser"
        assert client.wait(DEADLINE_S) == 0


@contextmanager
def auth_endpoint(api: pusher.Pusher) -> Iterator[str]:
    """Serve the endpoint that authorizes pusher-js: it gets a form with socket and channel, and returns a signature."""

    class Authorize(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 (the library's name)
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            (channel,), (socket_id,) = form["channel_name"], form["socket_id"]
            is_forbidden = channel == FORBIDDEN
            answer = {} if is_forbidden else api.authenticate(channel, socket_id)
            self.send_response(403 if is_forbidden else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

    with http_server(Authorize) as address:
        yield f"{address}/auth"


@contextmanager
def pusher_js(address: str, endpoint: str, channel: str, transport: str = "ws") -> Iterator[Process]:
    """Run the script under node until the block ends; fails, never skips, when pusher-js is not installed."""
    host, _, port = address.removeprefix("http://").partition(":")
    wanted = {"key": ENV["PUSHER_KEY"], "host": host, "port": int(port), "transport": transport}
    wanted |= {"authEndpoint": endpoint, "channel": channel, "event": "message"}
    with running(["node", str(SCRIPT), json.dumps(wanted)]) as process:
        yield process


@pytest.mark.parametrize("transport", ["ws", "xhr_streaming", "xhr_polling"])
def test_pusher_js_receives_what_the_library_publishes(transport: str, address: str, api: pusher.Pusher) -> None:
    with auth_endpoint(api) as endpoint, pusher_js(address, endpoint, "private-room", transport) as client:
        assert json.loads(line_of(client))["happened"] == "subscribed"
        api.trigger("private-room", "message", {"body": "Grüße", "seq": 1})
        assert json.loads(line_of(client)) == {"happened": "event", "data": {"body": "Grüße", "seq": 1}}
        assert client.wait(DEADLINE_S) == 0


def test_pusher_js_reports_that_the_api_refuses_a_channel(address: str, api: pusher.Pusher) -> None:
    with auth_endpoint(api) as endpoint, pusher_js(address, endpoint, FORBIDDEN) as client:
        assert json.loads(line_of(client)) == {"happened": "refused", "status": 403}
        assert client.wait(DEADLINE_S) == 0
