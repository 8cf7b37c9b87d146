"""What the stub recorded: when a message arrived at it, and when it handed that message to whom.

Teaches how an instrument is checked: by measuring something that is known from elsewhere. All processes of one machine
share the monotonic clock, so these moments and the load generator's lie on one axis. Pure.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec


class StubLog(msgspec.Struct):
    """Moments are seconds of the monotonic clock.

    arrived: room, seq, when it had been read. handed_out: room, seq, user, just before it was given to the socket.
    """

    arrived: list[tuple[str, int, float]] = []
    handed_out: list[tuple[str, int, str, float]] = []

    def write(self, path: Path) -> None:
        path.write_bytes(msgspec.msgpack.encode(self))

    @classmethod
    def read(cls, path: Path) -> "StubLog":
        return msgspec.msgpack.decode(path.read_bytes(), type=cls)


def delay_ms(room: str, delays_ms: Sequence[float]) -> float:
    """Return for how long a room's messages are held: `room-0` has the first delay, `room-1` the next, and so on."""
    return delays_ms[int(room.rpartition("-")[2]) % len(delays_ms)]
