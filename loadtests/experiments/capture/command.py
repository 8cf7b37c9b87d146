"""`python -m loadtests capture`: a short conversation of two on each transport, recorded byte by byte.

Teaches that what crosses a wire can be read, and need not be imagined. The users are those of the load tests, with a
browser's headers; each link has a recorder, also the one from the API to the push service. And to test a claim about
somebody's product on the product: the vendor's own client, pusher-js, is recorded, too, and the vendor's own library
publishes to it. `results/README.md` documents the file.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pusher

from loadtests.harness import manifest
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.cores import Cores
from loadtests.harness.distance import Link, credentials, serving_over
from loadtests.harness.generator import generating
from loadtests.harness.server_probe import READY_S
from loadtests.plan.workload import Workload
from loadtests.targets.target import OurServers
from results import terminal
from results.schema import CAPTURES_FILE
from servers.deploy.child_process import python_module
from servers.transports import TRANSPORTS, Transport

CONVERSATION = Workload(
    users=2,
    room_size=2,
    rate_per_s=0.15,
    typing_per_s=0.05,
    receipts_per_s=0.05,
    measured_s=10.0,
    poll_interval_s=1.0,
    text_bytes=24,
)
UNPINNED = Cores(None, None)
SCRIPT = Path(__file__).with_name("pusher_js.mjs")
CHANNEL, EVENT = "room", "message"


def capture(out: Path) -> int:
    """Record every transport, and write the captures into a folder; return the exit status. Raises OSError."""
    console = terminal.console()
    transports: dict[str, Any] = {}
    try:
        for transport in TRANSPORTS:
            pieces = transports[transport.slug] = record(transport, CONVERSATION)
            connections = {(piece["link"], piece["connection"]) for piece in pieces}
            console.print(f"{manifest.label(transport)}: {len(pieces):,} pieces on {len(connections)} connections")
        pusher_js = record_pusher_js()
    except NotMeasured as error:
        console.print(f"Not recorded: {error}", style="red", markup=False)
        return 1
    captures = {
        "versions": manifest.versions(),
        "push_service": manifest.push_service(),
        "workload": asdict(CONVERSATION),
        "transports": transports,
        "pusher_js": pusher_js,
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / CAPTURES_FILE
    path.write_text(json.dumps(captures, indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {path}")
    return 0


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


@contextmanager
def recorder(link: Link, address: str, folder: Path) -> Iterator[str]:
    """Insert a recorder into a link until the block ends; yields the address to use instead. Raises NotMeasured."""
    target, path = address.removeprefix("http://"), str(_path(link, folder))
    command = python_module("loadtests.harness.relay", "--to", target, "--record", path)
    with running(command, None, folder / f"recorder, {link}.log") as child:
        yield str(child.next_line(READY_S)["address"])


def recorded_pieces(link: Link, folder: Path, since_s: float = 0.0) -> list[dict[str, Any]]:
    """Return the pieces that crossed a link, timed since a moment; none if it had no recorder."""
    path = _path(link, folder)
    pieces = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [{"link": str(link), **piece, "at_s": round(piece["at_s"] - since_s, 6)} for piece in pieces]


def _path(link: Link, folder: Path) -> Path:
    return folder / f"{link}.json"
