"""Which events of a sequence came twice, and which came after a later one.

Teaches where duplicates can be counted: an inbox delivers everything once and in order, whatever comes in, so counting
after it finds nothing on any transport. So the load users count before it, too. Pure.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Repeats(NamedTuple):
    """duplicates: events that had come before; out_of_order: new ones that came after a later one."""

    duplicates: int
    out_of_order: int


class DuplicateDetector:
    """The events of one session, so far."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._newest = 0

    def add(self, seqs: Iterable[int]) -> Repeats:
        """Add the sequence numbers of some events, in the order in which they came; return what is wrong with them."""
        duplicates = out_of_order = 0
        for seq in seqs:
            duplicates += seq in self._known
            out_of_order += seq not in self._known and seq < self._newest
            self._known.add(seq)
            self._newest = max(self._newest, seq)
        return Repeats(duplicates, out_of_order)
