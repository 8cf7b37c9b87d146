"""When to notify the others that I type: while it is true, and no more often than necessary.

Teaches the sender's half of a notice that expires: renew it before it does, and withdraw it when the line is emptied.
No I/O, no clock.
"""

from dataclasses import dataclass

RENEW_S = 3.0
"""How long a notice is not renewed: less than its lifetime on a server, which is 5 s by default."""


@dataclass(slots=True)
class TypingNotices:
    """The text at the last notice, and when it was sent."""

    _text: str = ""
    _sent_s: float = float("-inf")

    def due(self, typed: str, now_s: float) -> bool | None:
        """Return True to notify that I type, False that I have stopped, None if no notice is due."""
        if typed and typed != self._text and now_s - self._sent_s >= RENEW_S:
            self._text, self._sent_s = typed, now_s
            return True
        if self._text and not typed:
            self.reset()
            return False
        return None

    def reset(self) -> None:
        """Forget the last notice: a sent message itself shows that its sender has stopped typing."""
        self._text, self._sent_s = "", float("-inf")
