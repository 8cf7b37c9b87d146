"""`python -m loadtests capture`: a short conversation of two on each transport, recorded byte by byte.

Teaches that what crosses a wire need not be imagined. The users are those of the load tests, with a browser's headers;
a recorder lies in each link, also in the one from the API to the push service. The file's format is documented in
`results.schema`.
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from loadtests.experiments.capture.connections import heard, listened_to, wait
from loadtests.experiments.capture.pusher_js import recorded_pusher_js
from loadtests.harness import manifest
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.distance import Link, serving_over
from loadtests.harness.generator import generating
from loadtests.plan.workload import Workload
from loadtests.targets.target import OurServers
from results import terminal
from results.schema import CAPTURES_FILE
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
ANYWHERE = Cores(None, None)
FAILED = 1


def capture(folder: Path) -> int:
    """Record every transport, and write the captures into a folder; return the exit status. Raises OSError."""
    console = terminal.console()
    transports: dict[str, Any] = {}
    try:
        for transport in TRANSPORTS:
            pieces = transports[transport.slug] = recorded(transport, CONVERSATION)
            console.print(f"{manifest.label(transport)}: {len(pieces):,} pieces on {_lines(pieces)} connections")
        vendors = recorded_pusher_js()
    except NotMeasured as error:
        console.print(f"Not recorded: {error}", style="red", markup=False)
        return FAILED
    made = {
        "versions": manifest.versions(),
        "push_service": manifest.push_service(),
        "workload": asdict(CONVERSATION),
        "transports": transports,
        "pusher_js": vendors,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CAPTURES_FILE
    path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {path}")
    return 0


def recorded(transport: Transport, workload: Workload) -> list[dict[str, Any]]:
    """Return what crossed each link during one load, in order, from the window's start; waits, raises NotMeasured."""
    with TemporaryDirectory(prefix="capture-") as name:
        folder = Path(name)
        with ExitStack() as recorders:

            def laid(link: Link, address: str) -> str:
                return recorders.enter_context(listened_to(link, address, folder))

            file = OurServers().locust_file(transport.slug)
            with (
                serving_over({link: partial(laid, link) for link in Link}, transport, ANYWHERE, folder, wait) as (
                    _,
                    way,
                ),
                generating(file, way, workload, None, folder) as generator,
            ):
                window = generator.await_window(wait)
                troubles = generator.await_samples(wait).troubles
                if window is None or troubles:
                    raise NotMeasured("; ".join(troubles))
        pieces = [piece for link in Link for piece in heard(link, folder, window.start_s)]
    return sorted(pieces, key=lambda piece: float(piece["at_s"]))


def _lines(pieces: Sequence[dict[str, Any]]) -> int:
    return len({(piece["link"], piece["connection"]) for piece in pieces})
