"""`python -m loadtests capture`: a short conversation of two on each transport, recorded byte by byte.

The users are those of the load tests, with a browser's headers. Each link, also the one from the API to the push
service, has a recorder: a relay that writes down what crosses it. `results/README.md` documents the file.

Then the vendor's own client, pusher-js, on networks that block more or less: which transport it chooses, and what that
costs. Teaches to test a claim about a product on the product itself: the client chooses its transport freely, and the
vendor's own library publishes to it. It publishes two messages at once, as a chat does, then pauses.
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pusher
from rich.console import Console

from loadtests.harness import manifest
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.cores import Cores
from loadtests.harness.distance import Link, credentials, serving_over
from loadtests.harness.generator import generating
from loadtests.harness.server_probe import READY_S
from loadtests.plan.workload import Workload
from loadtests.scenarios import experiment
from loadtests.targets.target import OurServers
from results import terminal
from results.schema import CAPTURES_FILE
from servers.deploy.child_process import ChildProcess, python_module
from servers.transports import TRANSPORTS, Transport


@contextmanager
def recorder(link: Link, address: str, folder: Path, *options: str) -> Iterator[str]:
    """Insert a recorder into a link until the block ends; yields the address to use instead. Raises NotMeasured.

    options: of `loadtests.harness.relay`.
    """
    arguments = ("--to", address.removeprefix("http://"), "--record", str(_path(link, folder)))
    command = python_module("loadtests.harness.relay", *arguments, *options)
    with running(command, None, folder / f"recorder, {link}.log") as child:
        yield str(child.next_line(READY_S)["address"])


def recorded_pieces(link: Link, folder: Path, since_s: float = 0.0) -> list[dict[str, Any]]:
    """Return the pieces that crossed a link, with their times since `since_s`; none if it had no recorder."""
    path = _path(link, folder)
    pieces = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [{"link": str(link), **piece, "at_s": round(piece["at_s"] - since_s, 6)} for piece in pieces]


def _path(link: Link, folder: Path) -> Path:
    return folder / f"{link}.json"


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


def record_pusher_js() -> dict[str, Any]:
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


(CONVERSATION,) = experiment("capture").workloads
UNPINNED = Cores(None, None)


def capture(out: Path, only_pusher_js: bool = False) -> int:
    """Record every transport, and write the captures into a folder; return the exit status. Raises OSError.

    only_pusher_js: record the vendor's client again, and keep what the folder has of the transports.
    """
    console = terminal.console()
    path = out / CAPTURES_FILE
    try:
        pusher_js = record_pusher_js()  # first, since it ends at once if node is missing
        captures = json.loads(path.read_text(encoding="utf-8")) if only_pusher_js else record_transports(console)
        captures["pusher_js"] = pusher_js
    except NotMeasured as error:
        console.print(f"Not recorded: {error}", style="red", markup=False)
        return 1
    for network, found in captures["pusher_js"].items():
        console.print(f"pusher-js, {network}: {found['transport']} after {found['subscribed_s']:.1f} s")
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(captures, indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {path}")
    return 0


def record_transports(console: Console) -> dict[str, Any]:
    """Return the captures of every transport, with what they were made with; waits, raises NotMeasured."""
    transports: dict[str, Any] = {}
    for transport in TRANSPORTS:
        pieces = transports[transport.slug] = record(transport, CONVERSATION)
        connections = {(piece["link"], piece["connection"]) for piece in pieces}
        console.print(f"{manifest.label(transport)}: {len(pieces):,} pieces on {len(connections)} connections")
    return {
        "versions": manifest.versions(),
        "push_service": manifest.push_service(),
        "workload": asdict(CONVERSATION),
        "transports": transports,
    }


def record(transport: Transport, load: Workload) -> list[dict[str, Any]]:
    """Return what crossed each link during one load, in order, from the window's start; waits, raises NotMeasured."""
    with TemporaryDirectory(prefix="capture-") as name:
        folder = Path(name)
        with ExitStack() as stack:

            def insert_recorder(link: Link, address: str) -> str:
                return stack.enter_context(recorder(link, address, folder))

            links = {link: partial(insert_recorder, link) for link in Link}
            _, addresses = stack.enter_context(serving_over(links, transport, UNPINNED, folder, None))
            locust_file = OurServers().locust_file(transport.slug)
            generator = stack.enter_context(generating(locust_file, addresses, load, None, folder))
            window = generator.await_window()
            troubles = generator.await_samples().troubles
            if window is None or troubles:
                raise NotMeasured("; ".join(troubles))
        pieces = [piece for link in Link for piece in recorded_pieces(link, folder, window.start_s)]
    return sorted(pieces, key=lambda piece: float(piece["at_s"]))
