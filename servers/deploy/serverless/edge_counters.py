"""The counters of `GET /stats`, kept at the edge, since an instance's own are lost with it.

Teaches where to count when the server is not there between two requests. Leaves out what only the function knows: how
many events a response held, and what it published.
"""

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from servers.core.counters import Purpose
from servers.wire_bytes import WireBytes

PURPOSES = {
    b"send": Purpose.SEND,
    b"typing": Purpose.SEND,
    b"mark_read": Purpose.SEND,
    b"events": Purpose.RECEIVE,
    b"history": Purpose.RECEIVE,
}
UNCOUNTED = frozenset((b"/health", b"/stats", b"/host/stats"))
EMPTY_PAGE = b'"events":[]}'
MESSAGE_STARTS = (Opcode.TEXT, Opcode.BINARY)


class FrameCount:
    """Counts a client's text or binary messages: `messages` have begun in the bytes so far.

    websockets' own parser, which does no I/O, reads the frames that are relayed.
    """

    def __init__(self) -> None:
        self.messages = 0
        self._reader = StreamReader()
        self._parser = self._parse()
        next(self._parser)  # up to its first wait for data

    @property
    def commands(self) -> int:
        """The messages after the first, which joins a room."""
        return max(0, self.messages - 1)

    def feed(self, data: bytes) -> None:
        """Read along, until something comes that is no frame of a client: the function will refuse that."""
        self._reader.feed_data(data)
        with suppress(ProtocolError, StopIteration):
            next(self._parser)

    def _parse(self) -> Generator[None]:
        while True:
            frame = yield from Frame.parse(self._reader.read_exact, mask=True)
            self.messages += frame.opcode in MESSAGE_STARTS


@dataclass(slots=True)
class EdgeCounters:
    """The same columns as servers.core.counters, as far as they can be known here.

    command_frames: messages on sockets without the first of each, which joins a room.
    """

    requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Purpose, 0))
    command_frames: int = 0
    empty_answers: int = 0
    wire: WireBytes = field(default_factory=WireBytes)

    def count_request(self, target: bytes) -> None:
        """Count a request under its purpose; requests for the server's own state are not counted."""
        path = target.partition(b"?")[0]
        if path not in UNCOUNTED:
            self.requests[PURPOSES.get(path.rpartition(b"/")[2], Purpose.UPKEEP)] += 1

    def count_response(self, last_bytes: bytes) -> None:
        """Count a response that was a page without events."""
        self.empty_answers += last_bytes.endswith(EMPTY_PAGE)

    def frame_counter(self) -> Callable[[bytes], None]:
        """Return what is to be called with the bytes that a client sends on a new socket."""
        count = FrameCount()

        def on_data(data: bytes) -> None:
            before = count.commands
            count.feed(data)
            self.command_frames += count.commands - before

        return on_data
