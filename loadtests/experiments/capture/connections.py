"""Lines that are listened to: a recorder in each, and what it heard."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loadtests.harness.children import running
from loadtests.harness.distance import Link
from loadtests.harness.server_probe import READY_S
from servers.deploy.child_process import python_module


@contextmanager
def listened_to(link: Link, address: str, folder: Path) -> Iterator[str]:
    """Lay a recorder into a link until the block ends; gives the address to use instead. Raises NotMeasured."""
    target, notes = address.removeprefix("http://"), str(_notes(link, folder))
    command = python_module("loadtests.experiments.capture.recorder", "--to", target, "--notes", notes)
    with running(command, None, folder / f"recorder, {link}.log") as recorder:
        yield str(recorder.next_line(READY_S, wait)["address"])


def heard(link: Link, folder: Path, since_s: float = 0.0) -> list[dict[str, Any]]:
    """Return the pieces that crossed a link, timed since a moment; none if it was not listened to."""
    path = _notes(link, folder)
    notes = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [{"link": str(link), **note, "at_s": round(note["at_s"] - since_s, 6)} for note in notes]


def wait() -> None:
    """Do nothing while something is awaited."""


def _notes(link: Link, folder: Path) -> Path:
    return folder / f"{link}.json"
