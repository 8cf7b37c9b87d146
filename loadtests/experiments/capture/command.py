"""`python -m loadtests capture`: a short conversation of two on each transport, recorded byte by byte.

The users are those of the load tests, with a browser's headers. Each link, also the one from the API to the push
service, has a recorder. Then the vendor's own client, on three networks. `results/README.md` documents the file.
"""

import json
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from loadtests.experiments.capture import pusher_js
from loadtests.experiments.capture.recorder import recorded_pieces, recorder
from loadtests.harness import manifest
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.distance import Link, serving_over
from loadtests.harness.generator import generating
from loadtests.plan.workload import Workload
from loadtests.reports.tables import write_text
from loadtests.scenarios import experiment
from loadtests.targets.target import OurServers
from results import terminal
from results.schema import CAPTURES_FILE
from servers.transports import TRANSPORTS, Transport

(CONVERSATION,) = experiment("capture").workloads
UNPINNED = Cores(None, None)


def capture(out: Path, only_pusher_js: bool = False) -> int:
    """Record every transport, and write the captures into a folder; return the exit status. Raises OSError.

    only_pusher_js: record the vendor's client again, and keep what the folder has of the transports.
    """
    console = terminal.console()
    path = out / CAPTURES_FILE
    if only_pusher_js and not path.exists():
        console.print(
            f"Not recorded: there is no {path} to keep; leave out --only-pusher-js", style="red", markup=False
        )
        return 1
    try:
        networks = pusher_js.record_networks()  # first, since it ends at once if node is missing
        captures = json.loads(path.read_text(encoding="utf-8")) if only_pusher_js else record_transports(console)
        captures["pusher_js"] = networks
    except NotMeasured as error:
        console.print(f"Not recorded: {error}", style="red", markup=False)
        return 1
    for network, found in networks.items():
        console.print(f"pusher-js, {network}: {found['transport']} after {found['subscribed_s']:.1f} s")
    out.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(captures, indent=1) + "\n")
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
            _, addresses = stack.enter_context(serving_over(links, transport, load, UNPINNED, folder, None))
            locust_file = OurServers().locust_file(transport.slug)
            generator = stack.enter_context(generating(locust_file, addresses, load, None, folder))
            window = generator.await_window()
            troubles = generator.await_samples().troubles
            if window is None or troubles:
                raise NotMeasured("; ".join(troubles))
        pieces = [piece for link in Link for piece in recorded_pieces(link, folder, window.start_s)]
    return sorted(pieces, key=lambda piece: float(piece["at_s"]))
