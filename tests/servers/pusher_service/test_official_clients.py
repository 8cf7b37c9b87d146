"""The official clients use the push service, with the code of its README; `test_capture` has pusher-js fall back."""

import json
import re
import subprocess
from pathlib import Path

import pusher
import pytest

from servers.shortest.processes import line_of, running
from tests.support.deadline import DEADLINE_S
from tests.support.guest import receive
from tests.support.pusher_process import ENV, open_connection, subscribe

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
    with running(["env", "-C", str(NPM[package]), *browser]) as client:
        assert line_of(client) == "subscribed"
        api.trigger("news", "hello", "to a browser")
        assert line_of(client) == "to a browser"
        assert client.process.wait(DEADLINE_S) == 0
