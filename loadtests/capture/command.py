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

from rich.console import Console

from loadtests.plan.workload import Workload
from loadtests.rig import manifest
from loadtests.rig.children import NotMeasured, module, running
from loadtests.rig.cores import Cores
from loadtests.rig.distance import Link, serving_over
from loadtests.rig.generator import generating
from loadtests.rig.server_probe import READY_S
from loadtests.rig.subjects import OurServers
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
    console = Console(highlight=False)
    transports: dict[str, Any] = {}
    for transport in TRANSPORTS:
        try:
            transports[transport.slug] = recorded(transport, CONVERSATION)
        except NotMeasured as error:
            console.print(f"{manifest.label(transport)} could not be recorded: {error}", style="red", markup=False)
            return FAILED
        pieces = transports[transport.slug]
        console.print(f"{manifest.label(transport)}: {len(pieces):,} pieces on {_lines(pieces)} connections")
    made = {
        "versions": manifest.versions(),
        "push_service": manifest.push_service(),
        "workload": asdict(CONVERSATION),
        "transports": transports,
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

            def listened_to(link: Link, address: str) -> str:
                target, notes = address.removeprefix("http://"), str(folder / f"{link}.json")
                command = module("loadtests.capture.recorder", "--to", target, "--notes", notes)
                recorder = recorders.enter_context(running(command, None, folder / f"recorder, {link}.log"))
                return str(recorder.next_line(READY_S, _wait)["address"])

            links = {link: partial(listened_to, link) for link in Link}
            file = OurServers().locust_file(transport.slug)
            with (
                serving_over(links, transport, ANYWHERE, folder, _wait) as (_, way),
                generating(file, way, workload, None, folder) as generator,
            ):
                window = generator.await_window(_wait)
                troubles = generator.await_samples(_wait).troubles
                if window is None or troubles:
                    raise NotMeasured("; ".join(troubles))
        pieces = [
            {"link": str(link), **note, "at_s": round(note["at_s"] - window.start_s, 6)}
            for link in Link
            for note in _notes(folder / f"{link}.json")
        ]
    return sorted(pieces, key=lambda piece: float(piece["at_s"]))


def _notes(path: Path) -> list[dict[str, Any]]:
    """Return what a recorder noted; nothing if the transport has no such link."""
    notes: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return notes


def _lines(pieces: Sequence[dict[str, Any]]) -> int:
    return len({(piece["link"], piece["connection"]) for piece in pieces})


def _wait() -> None:
    """Do nothing while something is awaited."""
