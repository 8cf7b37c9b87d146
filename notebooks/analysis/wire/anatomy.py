"""Takes streams apart into what programs said: requests, answers, pieces of an endless answer, WebSocket frames.

Every byte of a stream belongs to exactly one part of one utterance, so that sizes add up to what crossed the wire. Only
as much of HTTP/1.1 (RFC 9112) and of RFC 6455 is understood as our servers and clients speak: no trailers, no
compression, no fragmented frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from notebooks.analysis.wire.captures import Capture, CapturedConnection, Stream

BLANK = b"\r\n\r\n"
END = b"\r\n"
SWITCHING = b"HTTP/1.1 101"
OPCODES = {0x1: "text", 0x2: "binary", 0x8: "close", 0x9: "ping", 0xA: "pong"}


class Part(NamedTuple):
    """Some of the bytes of an utterance, by what they are for."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Utterance:
    """kind: request, answer, handshake, chunk (of an answer that goes on), or frame. up: towards the server."""

    line: CapturedConnection
    up: bool
    at_s: float
    kind: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return sum(len(part.data) for part in self.parts)

    @property
    def content(self) -> bytes:
        """What it says beside its form: the body, the event, or the unmasked payload."""
        return b"".join(part.data for part in self.parts if part.name in CONTENT)

    @property
    def head(self) -> str:
        """Its first line; of a frame its opcode, as in `text`."""
        first = self.parts[0].data
        return OPCODES.get(first[0] & 0xF, "?") if self.kind == "frame" else first.split(END)[0].decode("latin-1")


CONTENT = ("body", "event", "payload")


def utterances(capture: Capture) -> list[Utterance]:
    """Return all that was said on all lines of a transport, in the order in which it began."""
    found = [each for line in capture.lines for each in _of_line(line, capture.up[line], capture.down[line])]
    return sorted(found, key=lambda each: each.at_s)


def _of_line(line: CapturedConnection, up: Stream, down: Stream) -> Iterator[Utterance]:
    upgraded = SWITCHING in down.data[: len(SWITCHING)]
    for stream, goes_up in ((up, True), (down, False)):
        place = 0
        if upgraded:
            place = stream.data.index(BLANK) + len(BLANK)
            yield Utterance(line, goes_up, stream.at_s(0), "handshake", _head(stream.data[:place]))
        while place < len(stream.data):
            kind, parts = _frame(stream.data, place) if upgraded else _message(stream.data, place)
            yield Utterance(line, goes_up, stream.at_s(place), kind, parts)
            place += sum(len(part.data) for part in parts)


def _message(data: bytes, place: int) -> tuple[str, tuple[Part, ...]]:
    """Return the request, the answer, or the chunk that begins at a place."""
    line_end = data.find(END, place)
    first = data[place:line_end]
    if b"HTTP/1.1" not in first:
        return "chunk", _chunk(data, place, line_end)
    end = data.index(BLANK, place) + len(BLANK)
    head = data[place:end]
    body = data[end : end + _length(head)]
    parts = (*_head(head), Part("body", body)) if body else _head(head)
    return "answer" if first.startswith(b"HTTP/1.1") else "request", parts


def _head(head: bytes) -> tuple[Part, ...]:
    first, end, headers = head.partition(END)
    return Part("first line", first + end), Part("headers", headers)


def _length(head: bytes) -> int:
    """Return the length of a body; 0 for one that comes in chunks, which stand by themselves."""
    for line in head.lower().split(END):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0


def _chunk(data: bytes, place: int, line_end: int) -> tuple[Part, ...]:
    begin = line_end + len(END)
    end = begin + int(data[place:line_end], 16)
    return Part("chunk size", data[place:begin]), Part("event", data[begin:end]), Part("chunk end", data[end : end + 2])


def _frame(data: bytes, place: int) -> tuple[str, tuple[Part, ...]]:
    """Return the frame that begins at a place (RFC 6455, section 5.2), its payload unmasked."""
    masked, length = bool(data[place + 1] & 0x80), data[place + 1] & 0x7F
    begin = place + 2
    if extended := {126: 2, 127: 8}.get(length, 0):
        length = int.from_bytes(data[begin : begin + extended])
    header = data[place : begin + extended]
    key = data[begin + extended : begin + extended + 4] if masked else b""
    begin += extended + len(key)
    payload = data[begin : begin + length]
    if key:
        payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    parts = (Part("frame header", header), Part("masking key", key), Part("payload", payload))
    return "frame", tuple(part for part in parts if part.data)
