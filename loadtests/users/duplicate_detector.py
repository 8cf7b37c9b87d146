"""What a line brought, event by event, before an inbox put it in order.

Teaches where to look for duplicates: an inbox gives everything out once and in order, whatever comes in, so counting
behind it finds nothing on any transport. Here is what its reader really heard. Pure.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Heard(NamedTuple):
    """again: events that had come before; late: those that came after a later one."""

    again: int = 0
    late: int = 0


class DuplicateDetector:
    """One stay in a room."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._newest = 0

    def hear(self, seqs: Iterable[int]) -> Heard:
        """Take in the sequence numbers of a page, in their order."""
        again = late = 0
        for seq in seqs:
            again += seq in self._known
            late += seq not in self._known and seq < self._newest
            self._known.add(seq)
            self._newest = max(self._newest, seq)
        return Heard(again, late)
