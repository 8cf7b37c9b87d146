"""A client's pauses: between attempts to reach a server again, and between polls. No I/O, no clock.

Teaches why the whole pause of a back-off is random, and not only a part that is added to it: the clients of a server
that stops all lose their connections at the same moment, and pauses that differ by a tenth bring them all back
together, each time. clients/web/chat/backoff.js is the same.

And how to poll well: a room that is silent now will likely stay so for a while, so each empty response doubles the
pause, up to a limit, and news resets it. Jitter: clients that began in the same moment ask together for as long as
their pauses are equal; pauses that differ spread them.
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


class PollPace:
    """Each pause lasts `first_s`, doubled up to `max_s` for each empty response, within `jitter` of that (0 to 1)."""

    def __init__(self, first_s: float, max_s: float = 0.0, jitter: float = 0.0, random: Random | None = None) -> None:
        self._first_s = self._length_s = first_s
        self._max_s = max(first_s, max_s)
        self._jitter = jitter
        self._random = random or Random()

    def next_s(self) -> float:
        """Return the length of the next pause, in seconds."""
        return self._length_s * self._random.uniform(1 - self._jitter, 1 + self._jitter)

    def note(self, has_news: bool) -> None:
        """Note what the last response brought."""
        self._length_s = self._first_s if has_news else min(2 * self._length_s, self._max_s)
