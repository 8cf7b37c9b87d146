"""When to tell the others that I type: while it is true, and no more often than that takes.

Teaches the sender's half of a notice that expires: renew it before it does, and take it back when the line is emptied.
No I/O, no clock.
"""

from dataclasses import dataclass

RENEW_S = 3.0
"""How long a notice is left to stand: less than its lifetime on a server, which is 5 s unless told otherwise."""


@dataclass(slots=True)
class TypingNotices:
    """What the others were told last, and when."""

    _told: str = ""
    _told_s: float = float("-inf")

    def due(self, typed: str, now_s: float) -> bool | None:
        """Return True to tell that I type, False that I have stopped, None if there is nothing to tell."""
        if typed and typed != self._told and now_s - self._told_s >= RENEW_S:
            self._told, self._told_s = typed, now_s
            return True
        if self._told and not typed:
            self.reset()
            return False
        return None

    def reset(self) -> None:
        """Forget what was told: a message says by itself that its sender types no more."""
        self._told, self._told_s = "", float("-inf")
