"""The vendor's own client, pusher-js, on networks that block more or less: which transport it chooses, at what cost.

Teaches to test a claim about a product on the product itself: the client chooses its transport freely, and the
vendor's own library publishes to it. It publishes two messages at once, as a chat does, then pauses.
"""

import json
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pusher

from loadtests.experiments.capture.recorder import recorded_pieces, recorder
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.distance import Link, credentials
from loadtests.harness.server_probe import READY_S
from servers.deploy.child_process import ChildProcess, python_module

SCRIPT = Path(__file__).with_name("pusher_js.mjs")
CHANNEL, EVENT = "room", "message"
DELAY_MS = 50
PAUSE_S = 0.3  # until the client's next polling request has arrived
PAIRS = 10
NETWORKS = {
    "on an open network": (),
    "without upgrades": ("--refuse-upgrades",),
    "behind a buffering proxy": ("--buffer",),
}
"""By name: the options of the relay."""


def record_networks() -> dict[str, Any]:
    """Return what happened on each network; waits half a minute, since the client is slow to fall back.

    Raises NotMeasured.
    """
    if (node := shutil.which("node")) is None:
        raise NotMeasured("pusher-js runs on node, which is not installed: `make setup`")
    return {name: _record(node, options) for name, options in NETWORKS.items()}


def _record(node: str, options: tuple[str, ...]) -> dict[str, Any]:
    environment = credentials()
    with TemporaryDirectory(prefix="capture-") as name:
        folder = Path(name)
        command = python_module("servers.pusher_service", "--port", "0", "--attached")
        with running(command, None, folder / "push service.log", environment) as service:
            target = service.next_line(READY_S)["address"]
            with recorder(Link.PUSH_SERVICE, target, folder, "--delay-ms", str(DELAY_MS), *options) as address:
                url = urlsplit(address)
                wanted = {"key": environment["PUSHER_KEY"], "host": url.hostname, "port": url.port}
                arguments = json.dumps({**wanted, "channel": CHANNEL, "event": EVENT, "count": 2 * PAIRS})
                with running([node, str(SCRIPT), arguments], None, folder / "pusher-js.log") as client:
                    chosen = client.next_line(READY_S)
                    latencies_ms = _publish(target, environment, client)
                    client.wait(READY_S)
        pieces = recorded_pieces(Link.PUSH_SERVICE, folder)
    return {"one_way_delay_ms": DELAY_MS, **chosen, "latencies_ms": latencies_ms, "pieces": pieces}


def _publish(address: str, environment: dict[str, str], client: ChildProcess) -> list[list[float]]:
    """Publish all pairs; return how late both messages of each came, in ms."""
    url = urlsplit(address)
    app_id, key, secret = (environment[f"PUSHER_{name}"] for name in ("APP_ID", "KEY", "SECRET"))
    api = pusher.Pusher(app_id=app_id, key=key, secret=secret, ssl=False, host=url.hostname, port=url.port)
    session = api._pusher_client.http.session  # the library has no public access to it
    session.trust_env = False  # a proxy named in the environment does not reach our loopback address
    latencies_ms = []
    with session:
        for _ in range(PAIRS):
            time.sleep(PAUSE_S)
            for text in ("Hello!", "typed"):
                api.trigger(CHANNEL, EVENT, {"text": text, "at_ms": 1000 * time.time()})
            latencies_ms.append([round(client.next_line(READY_S)["latency_ms"], 1) for _ in range(2)])
    return latencies_ms
