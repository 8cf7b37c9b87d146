"""A recorder in a link: a relay that writes down what crosses it, byte by byte."""

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
