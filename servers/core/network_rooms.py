"""In how many rooms the users of one network are online: many names do not bring one person many more rooms.

Teaches what limits a person if accounts are free: not a limit for each user, nor one of new users, which a class behind
one address reaches. Rooms are scarce and addresses cost something, so a network has a share of the rooms. Leaves out
other processes: with N workers a network may have N shares.
"""

from collections import defaultdict

from servers.core.clock import Clock
from servers.core.errors import TooMany


class NetworkRooms:
    """Counts the rooms of each network. A room counts for one lease after the last renewal there."""

    def __init__(self, clock: Clock, rooms_max: int, lease_s: float) -> None:
        self._clock = clock
        self._rooms_max = rooms_max
        self._lease_s = lease_s
        self._until_s: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def take(self, network: str, room: str) -> None:
        """Note that a user of the network is online in the room. Raises TooMany if that is one room too many."""
        now_s, rooms = self._clock.monotonic_s(), self._until_s[network]
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
        while rooms and rooms[first := next(iter(rooms))] <= now_s:
            del rooms[first]
