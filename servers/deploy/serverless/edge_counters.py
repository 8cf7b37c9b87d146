"""The counters of `GET /stats`, kept at the edge, since an instance's own are lost with it.

Leaves out what only the function knows: how many events a response held, and what it published.
"""

from dataclasses import dataclass, field

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


@dataclass(slots=True)
class EdgeCounters:
    """The same columns as servers.core.counters, as far as they can be known here.

    command_frames: messages on sockets without the first of each, which joins a room.
    """

    requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Purpose, 0))
    command_frames: int = 0
    empty_answers: int = 0
    wire: WireBytes = field(default_factory=WireBytes)

    def count_request(self, path: bytes) -> None:
        """Count a request under its purpose; requests for the server's own state are not counted."""
        if path not in UNCOUNTED:
            self.requests[PURPOSES.get(path.rpartition(b"/")[2], Purpose.UPKEEP)] += 1

    def count_response(self, last_bytes: bytes) -> None:
        """Count a response that was a page without events."""
        self.empty_answers += last_bytes.endswith(EMPTY_PAGE)

    def count_command(self) -> None:
        self.command_frames += 1
