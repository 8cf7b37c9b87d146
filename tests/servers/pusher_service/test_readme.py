"""The lines of the service's README point the official clients at it, as they stand there."""

import json
import re
import subprocess
from pathlib import Path

import pusher
import pytest

from tests.support.guest import receive
from tests.support.pusher_process import DEADLINE_S, ENV, open_connection, push_service, subscribe

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[3]
README = (ROOT / "servers" / "pusher_service" / "README.md").read_text(encoding="utf-8")
NPM = {"pusher-js": ROOT / "clients" / "web", "pusher": ROOT / "servers" / "shortest" / "javascript"}
THEN = {
    "pusher-js": 'const channel = client.subscribe("news");'
    'channel.bind("pusher:subscription_succeeded", () => console.log("subscribed"));'
    'channel.bind("hello", (data) => { console.log(data); client.disconnect(); });',
    "pusher": 'api.trigger("news", "hello", "by npm");',
}


def lines(language: str, needle: str) -> str:
    """Return the README's block of a language that contains some text."""
    found: str
    (found,) = (block for block in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if needle in block)
    return found


def script(package: str, block: str, port: str) -> list[str]:
    """Return the command that runs a block as it stands, but for the port, with a package of npm."""
    named = "".join(f"const {name} = {json.dumps(value)};" for name, value in ENV.items())
    return ["node", "-e", f'{named}const Pusher = require("{package}");{block.replace("8300", port)}{THEN[package]}']


def test_what_the_readme_says_connects_each_official_client() -> None:
    with push_service() as service, open_connection(service.address) as (witness, socket_id):
        port = service.address.rpartition(":")[2]
        subscribe(witness, socket_id, "news")
        given = {"pusher": pusher, **ENV}
        exec(lines("python", "pusher.Pusher").replace("8300", port), given)
        given["api"].trigger("news", "hello", "by PyPI")  # type: ignore[attr-defined]
        subprocess.run(script("pusher", lines("js", "appId"), port), cwd=NPM["pusher"], check=True, timeout=DEADLINE_S)
        assert [receive(witness)["data"] for _ in range(2)] == ["by PyPI", "by npm"]
        browser = script("pusher-js", lines("js", "wsHost"), port)
        with subprocess.Popen(browser, cwd=NPM["pusher-js"], stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None and client.stdout.readline() == "subscribed\n"
            given["api"].trigger("news", "hello", "to pusher-js")  # type: ignore[attr-defined]
            assert client.communicate(timeout=DEADLINE_S)[0] == "to pusher-js\n"
