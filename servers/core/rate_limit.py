"""How often a user may send commands, and a network log in: a token bucket for each.

Teaches that a bucket is one number, the time at which it will be full again (the "generic cell rate algorithm" of ATM):
nothing refills it, and who has a full one needs no entry. Leaves out other processes: each has buckets of its own.
"""

from servers.core.clock import Clock
from servers.core.errors import TooMany

ROUNDING_S = 1e-9
"""A wait this short is an error of floating-point arithmetic, not a wait."""

USERS_MAX = 10_000
"""The most entries, of about 200 bytes each. Of more users than that, those with the fullest buckets get full ones."""


class RateLimit:
    """Lets each user do `per_s` things a second, and `burst` at once after a pause."""

    def __init__(self, clock: Clock, per_s: float, burst: float) -> None:
        self._clock = clock
        self._pause_s = 1 / per_s
        self._tolerance_s = burst / per_s
        self._full_at_s: dict[str, float] = {}

    @property
    def cached(self) -> int:
        """How many users have an entry."""
        return len(self._full_at_s)

    def check(self, user: str) -> None:
        """Take one token of the user's. Raises TooMany, with the time until there is one."""
        now_s = self._clock.monotonic_s()
        full_at_s = max(now_s, self._full_at_s.get(user, now_s)) + self._pause_s
        wait_s = full_at_s - now_s - self._tolerance_s
        if wait_s > ROUNDING_S:
            detail = f"commands, or log-ins: more than {1 / self._pause_s:g} a second; wait {wait_s:.3g} s"
            raise TooMany(detail, wait_s)
        self._full_at_s[user] = full_at_s
        if len(self._full_at_s) > USERS_MAX:
            self._forget(now_s)

    def _forget(self, now_s: float) -> None:
        """Drop the full buckets; if those are few, the fullest half."""
        kept = sorted(self._full_at_s.items(), key=lambda entry: entry[1])[-USERS_MAX // 2 :]
        self._full_at_s = {user: at_s for user, at_s in kept if at_s > now_s}
