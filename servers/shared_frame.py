"""Optional: frame a page once for all its readers, instead of once for each (`--frame-once`).

Teaches what a fan-out costs beyond the system call. The ASGI interface takes a text, so uvicorn builds the same frame
again for every connection. An unmasked text frame is a header of 2 to 10 bytes before the payload (RFC 6455 section
5.2), the same for all readers, and legal on a compressed connection too (RFC 7692 section 6). Here it is built once,
and written to each transport. Leaves out all but text frames, and depends on uvicorn's internals: constraints.txt pins
it.
"""

from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from servers.limited_protocols import LimitedSocket

EXTENSION = "push_or_poll.frames"
WRITE = "write"


def text_frame(payload: bytes) -> bytes:
    """Return the server's frame that carries this text."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


class SharedFrame(LimitedSocket):
    """uvicorn's protocol, with an ASGI extension that takes whole frames."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][EXTENSION] = {WRITE: self.write_frame}

    def write_frame(self, frame: bytes) -> bool:
        """Write a frame, or return False if the buffer is full or the connection is closing; never waits."""
        if self.close_sent or self.disconnected or not self.writable.is_set():
            return False
        self.transport.write(frame)
        return True
