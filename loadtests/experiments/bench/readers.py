"""What arrives on a socket, cut into HTTP answers or WebSocket frames. Pure: bytes go in, messages come out.

Teaches how little a load generator must understand: of an answer its length, of a frame its header. A whole client
library costs several times the server's own work for a delivery, and would measure itself.
"""

import re
from typing import NamedTuple

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
FIN = MASKED = 0x80
SWITCHING = 101


class Message(NamedTuple):
    """An HTTP answer or a WebSocket frame. kind: the answer's status (100 and up) or the frame's opcode (0 to 15)."""

    kind: int
    body: bytes


class Reader:
    """Reads answers until one says that the line now speaks WebSocket (101), and frames from there on."""

    __slots__ = ("_next", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._next = _answer

    def feed(self, data: bytes) -> list[Message]:
        """Take what came; return the messages that it completes."""
        buffer = self._rest + data if self._rest else data
        messages: list[Message] = []
        start = 0
        while (found := self._next(buffer, start)) is not None:
            message, start = found
            messages.append(message)
            if message.kind == SWITCHING:
                self._next = _frame
        self._rest = buffer[start:]
        return messages


def _answer(buffer: bytes, start: int) -> tuple[Message, int] | None:
    """Return the HTTP answer that starts there, and where it ends; None if more must come first."""
    head_end = buffer.find(HEAD_END, start)
    if head_end < 0:
        return None
    length = CONTENT_LENGTH.search(buffer, start, head_end)
    body_start = head_end + len(HEAD_END)
    end = body_start + (int(length[1]) if length else 0)
    if end > len(buffer):
        return None
    return Message(int(buffer[start + 9 : start + 12]), buffer[body_start:end]), end


def _frame(buffer: bytes, start: int) -> tuple[Message, int] | None:
    """Return the server's frame that starts there (RFC 6455 section 5.2), and where it ends; None if more must come."""
    if len(buffer) < start + 2:
        return None
    length, body_start = buffer[start + 1], start + 2
    if length > 125:
        body_start = start + (4 if length == 126 else 10)
        if len(buffer) < body_start:
            return None
        length = int.from_bytes(buffer[start + 2 : body_start], "big")
    end = body_start + length
    if end > len(buffer):
        return None
    return Message(buffer[start] & 0x0F, buffer[body_start:end]), end


def client_frame(body: bytes, opcode: int = TEXT) -> bytes:
    """Return a client's frame. Its mask is all zeros: masking guards proxies, and there is none on loopback."""
    length = len(body)
    if length < 126:
        head = bytes((FIN | opcode, MASKED | length))
    elif length < 1 << 16:
        head = bytes((FIN | opcode, MASKED | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((FIN | opcode, MASKED | 127)) + length.to_bytes(8, "big")
    return head + bytes(4) + body
