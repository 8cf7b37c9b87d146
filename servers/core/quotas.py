"""Limits: commands of a user, log-ins from a network, and rooms in which the users of one network are online.

Teaches that a token bucket is one number, the time at which it will be full again (the "generic cell rate algorithm" of
ATM): nothing has to refill it, and a full bucket needs no entry. And how to limit a person where accounts are free. A
limit for each user does not help, and a limit of new users would stop a class that shares one address. But rooms are
scarce and addresses cost something, so each network gets a share of the rooms. Leaves out other processes: each counts
by itself.
"""

from collections import defaultdict

from servers.core.clock import Clock
from servers.core.errors import TooMany

ROUNDING_S = 1e-9  # a wait this short is an error of floating-point arithmetic, not a wait
USERS_MAX = 10_000
"""The most entries, of about 200 bytes each. If there are more, the fullest buckets are forgotten, as if full."""


class RateLimit:
    """Lets each user do `per_s` things a second, and `burst` at once after a pause."""

    def __init__(self, clock: Clock, per_s: float, burst: float) -> None:
        self._clock = clock
        self._pause_s = 1 / per_s
        self._tolerance_s = burst / per_s
        self._full_at_s: dict[str, float] = {}

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
        by_fullness = sorted(self._full_at_s.items(), key=lambda entry: entry[1])
        self._full_at_s = {user: at_s for user, at_s in by_fullness[-USERS_MAX // 2 :] if at_s > now_s}


class NetworkRooms:
    """Counts the rooms of each network. A room counts for one lease after the last renewal there."""

    def __init__(self, clock: Clock, rooms_max: int, lease_s: float) -> None:
        self._clock = clock
        self._rooms_max = rooms_max
        self._lease_s = lease_s
        self._until_s: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def take(self, network: str, room: str) -> None:
        """Note that a user of the network is online in the room. Raises TooMany if that is one room too many."""
        now_s = self._clock.monotonic_s()
        rooms = self._until_s[network]
        if room not in rooms and len(rooms) >= self._rooms_max:
            self._drop_expired(rooms, now_s)
            if len(rooms) >= self._rooms_max:
                wait_s = next(iter(rooms.values())) - now_s
                raise TooMany(f"rooms: your network is in {len(rooms)} already, the most; leave some", wait_s)
        rooms.pop(room, None)
        rooms[room] = now_s + self._lease_s  # at the end: those that expire first stand first

    def drop_expired(self) -> None:
        """Forget the rooms whose last lease has expired."""
        for network, rooms in list(self._until_s.items()):
            self._drop_expired(rooms, self._clock.monotonic_s())
            if not rooms:
                del self._until_s[network]

    @staticmethod
    def _drop_expired(rooms: dict[str, float], now_s: float) -> None:
        for room, until_s in list(rooms.items()):
            if until_s > now_s:
                break
            del rooms[room]
