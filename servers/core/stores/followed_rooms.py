"""The rooms that one process follows in a store: where each log ends, and who waits for its next event.

Teaches that one connection to the store is enough for any number of clients. Every report of a new event (the result of
a command, a stream, a notification, a query of the log itself) is one call of `advance`; a report that comes twice or
late does no harm. A room is followed from its first `wait` on, until there was none for UNUSED_S.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from servers.core.errors import Unavailable
from servers.core.waiters import Waiters
from servers.core.wire import Cursor

UNUSED_S = 60.0
ROOMS_MAX = 10_000
"""When so many rooms are followed, of 300 bytes each, every further one first drops all unused rooms."""
Heads = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
"""Returns the last seq of each room's log; 0 if it is empty."""
NewEpoch = Callable[[str], Awaitable[None]]  # gives the logs a new epoch, if the given one is still their epoch


class FollowedRooms:
    """heads: the last known seq of each followed room. on_follow: called when another room is followed.

    A store passes the epoch of each response to `set_epoch`. One that others cannot change needs no `start_new_epoch`.
    """

    def __init__(self, read_heads: Heads, start_new_epoch: NewEpoch | None = None) -> None:
        self.epoch = ""
        self.heads: dict[str, int] = {}
        self.on_follow: Callable[[], None] | None = None
        self._read_heads = read_heads
        self._start_new_epoch = start_new_epoch
        self._closed = False
        self._waiters: defaultdict[str, Waiters] = defaultdict(Waiters)
        self._waited_s: dict[str, float] = {}

    def set_epoch(self, epoch: str) -> None:
        """Note the log's epoch. In a new one no head is known, and all waiting ends: cursors must start over."""
        if epoch != self.epoch:
            self.epoch = epoch
            self.heads = dict.fromkeys(self.heads, 0)
            self._wake_all()

    def advance(self, room: str, seq: int) -> None:
        """Note that a room's log reaches at least `seq`, in the present epoch."""
        if room in self.heads and seq > self.heads[room]:
            self.heads[room] = seq
            self._waiters[room].wake()

    async def wait(self, room: str, after: Cursor, timeout_s: float) -> bool:
        """Wait as `Store.wait` promises."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            self._waited_s[room] = time.monotonic()
            if after.epoch == self.epoch and room not in self.heads and not self._closed:
                await self._follow(room)
                continue  # it may have been dropped again meanwhile
            if self._is_beyond(room, after):
                return True
            if not await self._waiters[room].wait(deadline_s - time.monotonic()):
                return False

    async def refresh(self) -> None:
        """Query where each room's log ends now.

        A log that ends before a known head has lost its end (an old backup, a crashed machine). It gets a new epoch,
        since it would give the lost numbers to other events. This is too late if it has done so already: a failover,
        where that is likely, is therefore detected by the engine's own history, before an append.
        """
        self._drop_unused()
        epoch = self.epoch
        known = dict(self.heads)
        heads = await self._read_heads(list(known))
        has_lost = self.epoch == epoch and any(heads[room] < seq for room, seq in known.items())
        if has_lost and self._start_new_epoch:
            await self._start_new_epoch(epoch)
        else:
            for room, seq in heads.items():
                self.advance(room, seq)

    def _drop_unused(self) -> None:
        since_s = time.monotonic() - UNUSED_S
        unused = [room for room, at_s in self._waited_s.items() if at_s < since_s and not self._waiters[room]]
        for room in unused:
            del self._waited_s[room], self._waiters[room]
            self.heads.pop(room, None)

    def close(self) -> None:
        """End all waiting, now and from now on."""
        self._closed = True
        self._wake_all()

    def _wake_all(self) -> None:
        for waiters in self._waiters.values():
            waiters.wake()

    def _is_beyond(self, room: str, after: Cursor) -> bool:
        return self._closed or after.epoch != self.epoch or self.heads.get(room, 0) > after.seq

    async def _follow(self, room: str) -> None:
        """Follow the room from now on. Its head is queried afterwards, so that no event is missed in between."""
        if len(self.heads) >= ROOMS_MAX:
            self._drop_unused()
        self.heads[room] = 0
        try:
            heads = await self._read_heads([room])
        except BaseException as error:
            self.heads.pop(room, None)
            self._waiters[room].wake()  # others that wait for this room meanwhile must try again
            if self._closed and isinstance(error, Unavailable):
                return
            raise
        self.advance(room, heads[room])
        if self.on_follow:
            self.on_follow()
