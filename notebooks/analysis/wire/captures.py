"""Captures: what crossed the wire while two people talked, as `python -m loadtests capture` recorded it.

A connection is two streams of bytes. TCP may cut them anywhere, so the pieces of each are joined again, and a position
in a stream has the time of the piece that brought it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from notebooks.analysis.records import read
from notebooks.analysis.runs import ROOT
from results.schema import CAPTURES_FILE

REFERENCE = ROOT / "results" / "reference" / CAPTURES_FILE


class CapturedConnection(NamedTuple):
    """One connection. link: between whom, as in `clients to API`; number: among those of its link."""

    link: str
    number: int


@dataclass(slots=True)
class Stream:
    """The bytes of one direction of a connection, and when each piece of them came."""

    data: bytes = b""
    _starts: list[int] = field(default_factory=list)
    _times_s: list[float] = field(default_factory=list)

    def add(self, data: bytes, at_s: float) -> None:
        self._starts.append(len(self.data))
        self._times_s.append(at_s)
        self.data += data

    def at_s(self, position: int) -> float:
        """Return when the byte at a position came, in seconds from the window's start."""
        return self._times_s[bisect_right(self._starts, position) - 1]


@dataclass(frozen=True, slots=True)
class Capture:
    """All connections of one transport: the bytes up to the server, and those down to the client."""

    slug: str
    up: Mapping[CapturedConnection, Stream]
    down: Mapping[CapturedConnection, Stream]

    @property
    def connections(self) -> tuple[CapturedConnection, ...]:
        return tuple(self.up)


def captures(path: Path = REFERENCE) -> dict[str, Capture]:
    """Read the captures of all transports, by slug; raise BrokenRun when there are none."""
    return {slug: _capture(slug, pieces) for slug, pieces in read(path)["transports"].items()}


def pusher_js(path: Path = REFERENCE) -> Capture:
    """Read what the vendor's own client exchanged with the stand-in; raise BrokenRun when it was not recorded."""
    return _capture("pusher_js", read(path)["pusher_js"])


def _capture(slug: str, pieces: list[dict[str, Any]]) -> Capture:
    streams: dict[bool, defaultdict[CapturedConnection, Stream]] = {up: defaultdict(Stream) for up in (True, False)}
    for piece in pieces:
        connection = CapturedConnection(piece["link"], piece["connection"])
        streams[piece["up"]][connection].add(piece["data"].encode("latin-1"), piece["at_s"])
    up, down = streams[True], streams[False]
    return Capture(slug, up, {connection: down[connection] for connection in up})
