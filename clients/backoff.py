"""The pauses between attempts to reach a server again: exponential back-off with full jitter.

Teaches why the whole pause is random, and not only a part that is added to it: the clients of a server that stops all
lose their connections at the same moment, and pauses that differ by a tenth bring them all back together, each time.
clients/web/chat/backoff.js is the same. No I/O, no clock.
"""

from random import Random

FIRST_S = 0.1
MAX_S = 5.0


class Backoff:
    """Each pause is random, between 0 and a limit that doubles from `first_s` up to `max_s`."""

    def __init__(self, first_s: float = FIRST_S, max_s: float = MAX_S, random: Random | None = None) -> None:
        self._first_s = self._limit_s = first_s
        self._max_s = max_s
        self._random = random or Random()

    def next_s(self) -> float:
        """Return the length of the next pause, in seconds."""
        pause_s = self._random.uniform(0, self._limit_s)
        self._limit_s = min(2 * self._limit_s, self._max_s)
        return pause_s

    def reset(self) -> None:
        """Begin with the shortest limit again, since an attempt has succeeded."""
        self._limit_s = self._first_s
