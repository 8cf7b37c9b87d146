"""What crossed the wire while two people talked, as `python -m loadtests capture` recorded it, and its parts.

TCP may cut a stream anywhere, so its pieces are joined again; each position has the time of the piece that brought it.
Every byte belongs to exactly one part of one message (request, response, chunk, WebSocket frame), so the sizes add up
to what crossed the wire. Leaves out parts of HTTP/1.1 and RFC 6455 that nobody uses here: trailers, compression,
fragments.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from notebooks.analysis.records import read

BLANK = b"\r\n\r\n"
END = b"\r\n"
SWITCHING = b"HTTP/1.1 101"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
OPCODES = {0x1: "text", 0x2: "binary", 0x8: "close", 0x9: "ping", 0xA: "pong"}
CONTENT = ("body", "event", "payload")


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


def captures(path: Path) -> dict[str, Capture]:
    """Read the captures of all transports, by slug; raise BrokenRun when there are none."""
    return {slug: from_pieces(slug, pieces) for slug, pieces in read(path)["transports"].items()}


def from_pieces(slug: str, pieces: list[dict[str, Any]]) -> Capture:
    """Return the capture that consists of these pieces of streams, joined by connection and direction."""
    streams: dict[bool, defaultdict[CapturedConnection, Stream]] = {up: defaultdict(Stream) for up in (True, False)}
    for piece in pieces:
        connection = CapturedConnection(piece["link"], piece["connection"])
        streams[piece["up"]][connection].add(piece["data"].encode("latin-1"), piece["at_s"])
    up, down = streams[True], streams[False]
    return Capture(slug, up, {connection: down[connection] for connection in up})


class Part(NamedTuple):
    """Some of the bytes of a message, by their purpose."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class WireMessage:
    """A message. kind: request, response, handshake, chunk (of a streaming response) or frame. up: to the server."""

    connection: CapturedConnection
    up: bool
    at_s: float
    kind: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return sum(len(part.data) for part in self.parts)

    @property
    def content(self) -> bytes:
        """The bytes that are not overhead: the body, the event, or the unmasked payload."""
        return b"".join(part.data for part in self.parts if part.name in CONTENT)

    @property
    def head(self) -> str:
        """The first line; of a frame the opcode's name, such as `text`."""
        first = self.parts[0].data
        return OPCODES.get(first[0] & 0xF, "?") if self.kind == "frame" else first.split(END)[0].decode("latin-1")


def wire_messages(capture: Capture) -> list[WireMessage]:
    """Return all messages on all connections of a transport, in the order in which they began."""
    found = (_messages(connection, up, capture.down[connection]) for connection, up in capture.up.items())
    return sorted(chain.from_iterable(found), key=lambda message: message.at_s)


def _messages(connection: CapturedConnection, up: Stream, down: Stream) -> Iterator[WireMessage]:
    upgraded = down.data.startswith(SWITCHING)
    for stream, goes_up in ((up, True), (down, False)):
        position = 0
        if upgraded:
            position = stream.data.index(BLANK) + len(BLANK)
            yield WireMessage(connection, goes_up, stream.at_s(0), "handshake", _head(stream.data[:position]))
        while position < len(stream.data):
            kind, parts = _frame(stream.data, position) if upgraded else _http(stream.data, position)
            yield WireMessage(connection, goes_up, stream.at_s(position), kind, parts)
            position += sum(len(part.data) for part in parts)


def _http(data: bytes, position: int) -> tuple[str, tuple[Part, ...]]:
    """Return the request, the response, or the chunk that begins at a position."""
    line_end = data.find(END, position)
    first = data[position:line_end]
    if b"HTTP/1.1" not in first:
        return "chunk", _chunk(data, position, line_end)
    end = data.index(BLANK, position) + len(BLANK)
    head = data[position:end]
    length = LENGTH.search(head)  # none of a body that comes in chunks, which are messages of their own
    body = data[end : end + int(length[1])] if length else b""
    parts = (*_head(head), Part("body", body)) if body else _head(head)
    return "response" if first.startswith(b"HTTP/1.1") else "request", parts


def _head(head: bytes) -> tuple[Part, ...]:
    first, end, headers = head.partition(END)
    return Part("first line", first + end), Part("headers", headers)


def _chunk(data: bytes, position: int, line_end: int) -> tuple[Part, ...]:
    begin = line_end + len(END)
    end = begin + int(data[position:line_end], 16)
    chunk_end = Part("chunk end", data[end : end + len(END)])
    return Part("chunk size", data[position:begin]), Part("event", data[begin:end]), chunk_end


def _frame(data: bytes, position: int) -> tuple[str, tuple[Part, ...]]:
    """Return the frame that begins at a position (RFC 6455, section 5.2), its payload unmasked."""
    masked = bool(data[position + 1] & 0x80)
    length = data[position + 1] & 0x7F
    begin = position + 2
    if extended := {126: 2, 127: 8}.get(length, 0):
        length = int.from_bytes(data[begin : begin + extended])
    header = data[position : begin + extended]
    key = data[begin + extended : begin + extended + 4] if masked else b""
    begin += extended + len(key)
    payload = data[begin : begin + length]
    if key:
        payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    parts = (Part("frame header", header), Part("masking key", key), Part("payload", payload))
    return "frame", tuple(part for part in parts if part.data)
