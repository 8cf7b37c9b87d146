"""What arrives on a socket, parsed into HTTP responses or WebSocket frames. Pure: bytes go in, messages come out.

Teaches how little a load generator must parse: the length of a response, the header of a frame. A whole client
library costs several times the server's own work for a delivery, and would measure itself.
"""

import re
from typing import NamedTuple

from websockets.frames import Frame, Opcode

from loadtests.users.websocket_connection import payload_of

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"
TEXT, PING, PONG = 1, 9, 10  # opcodes of RFC 6455, section 5.2
SWITCHING = 101  # the status of an upgrade


class Message(NamedTuple):
    """An HTTP response or a WebSocket frame. kind: the status (100 and up) or the opcode (0 to 15)."""

    kind: int
    body: bytes


class Reader:
    """Parses responses until one switches to WebSocket (101), and frames from there on."""

    __slots__ = ("_next", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._next = _response

    def feed(self, data: bytes) -> list[Message]:
        """Add what arrived; return the messages that it completes."""
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


class ValueReader:
    """Finds a value in what arrives, however it is framed: for a response that never ends."""

    __slots__ = ("_rest", "_value")

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """Add what arrived; return a message that holds nothing but the value for each time that it is complete."""
        buffer = self._rest + data
        after_last = buffer.rfind(self._value) + 1  # 0 if the value does not occur
        self._rest = buffer[max(after_last, len(buffer) - len(self._value) + 1, 0) :]  # may be the start of a value
        return [Message(TEXT, self._value)] * buffer.count(self._value)


def _response(buffer: bytes, start: int) -> tuple[Message, int] | None:
    """Return the HTTP response that starts there, and where it ends; None if it is incomplete."""
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
    """Return the server's frame that starts there, and where it ends; None if it is incomplete."""
    payload = payload_of(buffer, start)
    return None if payload is None else (Message(buffer[start] & 0x0F, buffer[payload]), payload.stop)


def client_frame(body: bytes, opcode: int = TEXT) -> bytes:
    """Return a client's frame, which is masked."""
    return Frame(Opcode(opcode), body).serialize(mask=True)
