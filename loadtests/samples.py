"""What the load generator noted down: a row for every message and every delivery, packed like an array.

Teaches why Locust's own statistics are not enough for an analysis: they round 102.3 ms to 100. Noting a row down costs
a microsecond, and the file is written once, when the generator quits. Pure: knows nothing of Locust.
"""

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import msgspec


class Window(NamedTuple):
    """The measuring window, in seconds of the monotonic clock."""

    start_s: float
    end_s: float

    def holds(self, moment_s: float) -> bool:
        return self.start_s <= moment_s < self.end_s


class Sent(NamedTuple):
    """An acknowledged message. Room and sender are numbers, moments are seconds of the monotonic clock."""

    room: int
    seq: int
    sender: int
    intended_s: float
    sent_s: float
    acked_s: float


class Received(NamedTuple):
    """One delivery: when the recipient's inbox gave the message out."""

    room: int
    seq: int
    recipient: int
    received_s: float


class Tick(NamedTuple):
    """One tick of the generator's own 10 ms clock, and how late it came."""

    due_s: float
    late_s: float


SENT = Struct("qqqddd")
RECEIVED = Struct("qqqd")
TICK = Struct("dd")


class Samples(msgspec.Struct):
    """Everything one generator process noted down.

    user_ids: by user number. send_retries: sends that failed and were tried again; send_failures: those given up, by
    the moment they were intended. redundant_frames: as the inboxes counted them. troubles: what went wrong, in words.
    """

    window: Window = Window(0.0, 0.0)
    user_ids: dict[int, str] = {}
    send_retries: int = 0
    send_failures: int = 0
    redundant_frames: int = 0
    troubles: list[str] = []
    sent: bytearray = bytearray()
    received: bytearray = bytearray()
    ticks: bytearray = bytearray()

    def note_sent(self, row: Sent) -> None:
        self.sent += SENT.pack(*row)

    def note_received(self, row: Received) -> None:
        self.received += RECEIVED.pack(*row)

    def note_tick(self, row: Tick) -> None:
        self.ticks += TICK.pack(*row)

    @property
    def received_count(self) -> int:
        return len(self.received) // RECEIVED.size

    def messages(self) -> Iterator[Sent]:
        """Yield the acknowledged messages, in the order of their acknowledgements."""
        return (Sent(*row) for row in SENT.iter_unpack(self.sent))

    def deliveries(self) -> Iterator[Received]:
        """Yield the deliveries, in the order in which the inboxes gave them out."""
        return (Received(*row) for row in RECEIVED.iter_unpack(self.received))

    def lateness_s(self) -> list[float]:
        """Return how late the generator's ticks came."""
        return [late_s for _, late_s in TICK.iter_unpack(self.ticks)]

    def write(self, path: Path) -> None:
        path.write_bytes(msgspec.msgpack.encode(self))

    @classmethod
    def read(cls, path: Path) -> "Samples":
        return msgspec.msgpack.decode(path.read_bytes(), type=cls)
