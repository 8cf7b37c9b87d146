"""Captures: what crossed the wire while two people talked, as `python -m loadtests capture` recorded it.

A connection is two streams of bytes. TCP may cut them anywhere, so the pieces of each are put together again, and a
place in a stream is dated by the piece that brought it.
"""

import json
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from notebooks.analysis.runs import ROOT, BrokenRun
from results.schema import CAPTURES_FILE

REFERENCE = ROOT / "results" / "reference" / CAPTURES_FILE


class CapturedConnection(NamedTuple):
    """One connection. link: between whom, as in `clients to API`; number: among those of its link."""

    link: str
    number: int


@dataclass(slots=True)
class Stream:
    """The bytes of one direction of a line, and when each piece of them came."""

    data: bytes = b""
    _starts: list[int] = field(default_factory=list)
    _moments_s: list[float] = field(default_factory=list)

    def add(self, data: bytes, at_s: float) -> None:
        self._starts.append(len(self.data))
        self._moments_s.append(at_s)
        self.data += data

    def at_s(self, place: int) -> float:
        """Return when the byte at a place came, in seconds from the window's start."""
        return self._moments_s[bisect_right(self._starts, place) - 1]


@dataclass(frozen=True, slots=True)
class Capture:
    """All lines of one transport: what went up to the server, and what came down."""

    slug: str
    up: dict[CapturedConnection, Stream]
    down: dict[CapturedConnection, Stream]

    @property
    def lines(self) -> tuple[CapturedConnection, ...]:
        return tuple(self.up)


def captures(path: Path = REFERENCE) -> dict[str, Capture]:
    """Read the captures of all transports, by slug; raise BrokenRun when there are none."""
    return {slug: _capture(slug, pieces) for slug, pieces in _recorded(path)["transports"].items()}


def pusher_js(path: Path = REFERENCE) -> Capture:
    """Read what the vendor's own client exchanged with the stand-in; raise BrokenRun when it was not recorded."""
    return _capture("pusher_js", _recorded(path)["pusher_js"])


def _recorded(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise BrokenRun(f"{path} is not there: `python -m loadtests capture --out {path.parent}` records it")
    recorded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return recorded


def _capture(slug: str, pieces: list[dict[str, object]]) -> Capture:
    up: defaultdict[CapturedConnection, Stream] = defaultdict(Stream)
    down: defaultdict[CapturedConnection, Stream] = defaultdict(Stream)
    for piece in pieces:
        line = CapturedConnection(str(piece["link"]), int(str(piece["connection"])))
        stream = (up if piece["up"] else down)[line]
        stream.add(str(piece["data"]).encode("latin-1"), float(str(piece["at_s"])))
    return Capture(slug, dict(up), {line: down[line] for line in up})
