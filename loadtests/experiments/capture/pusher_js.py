"""The vendor's own client on the wire: pusher-js, as npm has it, on our stand-in, recorded byte by byte.

Teaches that a claim about somebody's product is not tested by one's own imitation of it. The event is published by the
vendor's own library as well.
"""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pusher

from loadtests.experiments.capture.connections import heard, listened_to, wait
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.distance import Link, credentials
from loadtests.harness.server_probe import READY_S
from servers.deploy.child_process import python_module

SCRIPT = Path(__file__).with_name("pusher_js.mjs")
CHANNEL, EVENT = "room", "message"


def recorded_pusher_js() -> list[dict[str, Any]]:
    """Return what crossed the line between pusher-js and the stand-in, from connecting to one event; waits.

    Raises NotMeasured.
    """
    if (node := shutil.which("node")) is None:
        raise NotMeasured("pusher-js runs on node, which is not installed: `make setup`")
    environment = credentials()
    with TemporaryDirectory(prefix="capture-") as name:
        folder = Path(name)
        service_command = python_module("servers.pusher_service", "--port", "0", "--attached")
        with running(service_command, None, folder / "push service.log", environment) as service:
            target = service.next_line(READY_S, wait)["address"]
            with listened_to(Link.PUSH_SERVICE, target, folder) as address:
                host, _, port = address.removeprefix("http://").partition(":")
                key = environment["PUSHER_KEY"]
                wanted = {"key": key, "host": host, "port": int(port), "channel": CHANNEL, "event": EVENT}
                with running([node, str(SCRIPT), json.dumps(wanted)], None, folder / "pusher-js.log") as client:
                    client.next_line(READY_S, wait)
                    _publish(target, environment)
                    client.next_line(READY_S, wait)
                    client.wait(READY_S)
        return heard(Link.PUSH_SERVICE, folder)


def _publish(address: str, environment: dict[str, str]) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    api = pusher.Pusher(
        app_id=environment["PUSHER_APP_ID"],
        key=environment["PUSHER_KEY"],
        secret=environment["PUSHER_SECRET"],
        ssl=False,
        host=host,
        port=int(port),
    )
    session = api._pusher_client.http.session
    session.trust_env = False  # a proxy from the environment would be asked to find our loopback address
    with session:
        api.trigger(CHANNEL, EVENT, {"text": "Hello!"})
