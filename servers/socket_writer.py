"""Send one message to a socket without waiting for its client.

Teaches how one event reaches a thousand sockets without a thousand tasks: `push` writes at once or not at all, so its
caller learns who is slow. What crosses the wire: text frames (RFC 6455 section 5.2). Leaves out what to do about a slow
client: that is the caller's policy.
"""

from typing import Protocol

from starlette.types import Scope

EXTENSION, WRITER = "push_or_poll.frames", "writer"


class ConnectionLost(OSError):
    """The client is gone, or the socket was closed."""


class TextFrame:
    """A text, encoded once and framed once for all who get it: a server does not mask, so their frames are equal."""

    __slots__ = ("payload", "whole")

    def __init__(self, payload: bytes) -> None:
        self.payload, size = payload, len(payload)
        if size < 126:
            self.whole = b"\x81%c%b" % (size, payload)
        elif size < 65_536:
            self.whole = b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
        else:
            self.whole = b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


class SocketWriter(Protocol):
    """The sending side of one accepted socket. All but `push` may wait, and raise ConnectionLost."""

    def push(self, frame: TextFrame) -> bool:
        """Write a frame, or return False if the transport is full or the client is gone; never waits."""

    async def drain(self) -> None:
        """Wait until the transport takes frames. Cancelling it loses nothing."""

    async def write(self, frame: TextFrame) -> None:
        """Write a frame as soon as the transport takes it; cancelled before that, it is not written."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Write a close frame as soon as the transport takes it."""


def writer_of(scope: Scope) -> SocketWriter:
    """Return the writer of an accepted socket, once: a scope that kept it would be garbage only a collector finds."""
    writer: SocketWriter = scope["extensions"].pop(EXTENSION)[WRITER]
    return writer
