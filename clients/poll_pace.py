"""The pauses of a poller: always the same, or longer while nothing arrives, and with chance or without.

Teaches how to poll well. Back-off: a room that is silent now will likely stay so for a while, so each empty response
doubles the pause, up to a limit, and news resets it. Jitter: clients that began in the same moment ask together for as
long as their pauses are equal; pauses that differ spread them. No I/O, no clock.
"""

from random import Random


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
