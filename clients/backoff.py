"""The pauses of a client: between attempts to reconnect, and between polls. No I/O, no clock.

Teaches why the whole pause of a back-off is random: when a server stops, all of its clients lose their connections at
the same moment. If their pauses differed by only a tenth, they would also come back at the same moment.
clients/web/chat/backoff.js does the same.

Teaches also how to adapt a polling interval. A silent room will likely stay silent, so each empty response doubles the
pause, up to a limit, and a new event resets it. Jitter spreads the polls of clients that started at the same moment.
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
    """A pause of `first_s`, which each empty response doubles, up to `max_s`; `jitter` (0 to 1) is its random part."""

    def __init__(self, first_s: float, max_s: float = 0.0, jitter: float = 0.0, random: Random | None = None) -> None:
        self._first_s = self._length_s = first_s
        self._max_s = max(first_s, max_s)
        self._jitter = jitter
        self._random = random or Random()

    def next_s(self) -> float:
        """Return the length of the next pause, in seconds."""
        return self._length_s * self._random.uniform(1 - self._jitter, 1 + self._jitter)

    def note(self, has_news: bool) -> None:
        """Note whether the last response held events."""
        self._length_s = self._first_s if has_news else min(2 * self._length_s, self._max_s)
