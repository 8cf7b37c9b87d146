"""The vendor's own client on the wire: pusher-js, from npm, connected to our stand-in, recorded byte by byte.

Teaches to test a claim about somebody's product on the product, not on an imitation of it. The vendor's own library
publishes the event, too.
"""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pusher

from loadtests.experiments.capture.recorded_links import recorded_pieces, recorder
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.distance import Link, credentials
from loadtests.harness.server_probe import READY_S
from servers.deploy.child_process import python_module

SCRIPT = Path(__file__).with_name("pusher_js.mjs")
CHANNEL, EVENT = "room", "message"


def record_pusher_js() -> list[dict[str, Any]]:
    """Return what crossed the link between pusher-js and the stand-in, from connecting to one event; waits.

    Raises NotMeasured.
    """
    if (node := shutil.which("node")) is None:
        raise NotMeasured("pusher-js runs on node, which is not installed: `make setup`")
    environment = credentials()
    with TemporaryDirectory(prefix="capture-") as name:
        folder = Path(name)
        command = python_module("servers.pusher_service", "--port", "0", "--attached")
        with running(command, None, folder / "push service.log", environment) as service:
            target = service.next_line(READY_S)["address"]
            with recorder(Link.PUSH_SERVICE, target, folder) as address:
                url = urlsplit(address)
                options = {"key": environment["PUSHER_KEY"], "host": url.hostname, "port": url.port}
                arguments = json.dumps({**options, "channel": CHANNEL, "event": EVENT})
                with running([node, str(SCRIPT), arguments], None, folder / "pusher-js.log") as client:
                    client.next_line(READY_S)
                    _publish(target, environment)
                    client.next_line(READY_S)
                    client.wait(READY_S)
        return recorded_pieces(Link.PUSH_SERVICE, folder)


def _publish(address: str, environment: dict[str, str]) -> None:
    url = urlsplit(address)
    app_id, key, secret = (environment[f"PUSHER_{name}"] for name in ("APP_ID", "KEY", "SECRET"))
    api = pusher.Pusher(app_id=app_id, key=key, secret=secret, ssl=False, host=url.hostname, port=url.port)
    session = api._pusher_client.http.session
    session.trust_env = False  # a proxy named in the environment does not reach our loopback address
    with session:
        api.trigger(CHANNEL, EVENT, {"text": "Hello!"})
