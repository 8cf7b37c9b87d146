"""The rooms that one process follows in a store it shares with others: where each log ends, and who waits for more.

Teaches that one line to the store is enough for any number of clients. Whatever tells of a new event (an answer to this
process, a stream, a notification, a look at the log itself) is one call of `learn`; told twice, or late, does no harm.
A room is followed from the first `wait` for it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from servers.core.errors import Unavailable
from servers.core.waiters import Waiters
from servers.core.wire import Cursor


class Logs(Protocol):
    """The store as its followed rooms need it. Each answer's epoch is told to `FollowedRooms.see` first."""

    async def heads(self, rooms: Sequence[str]) -> Mapping[str, int]:
        """Return where each room's log ends; 0 if it has not begun."""
        ...

    async def abandon(self, epoch: str) -> None:
        """Give the logs a new epoch, if this is theirs still."""
        ...


class FollowedRooms:
    """heads: where each followed room ends. on_follow: called when there is one more room to follow."""

    def __init__(self, logs: Logs, on_follow: Callable[[], None]) -> None:
        self.epoch = ""
        self.heads: dict[str, int] = {}
        self._logs = logs
        self._closed = False
        self._on_follow = on_follow
        self._waiters: defaultdict[str, Waiters] = defaultdict(Waiters)

    def see(self, epoch: str) -> None:
        """Take note of the log's epoch. In another one no head is known, and everyone who waits must start over."""
        if epoch != self.epoch:
            self.epoch = epoch
            self.heads = dict.fromkeys(self.heads, 0)
            self.wake()

    def learn(self, room: str, seq: int) -> None:
        """Take note that a room's log goes up to `seq` at least, in the epoch that was seen last."""
        if seq > self.heads.get(room, seq):
            self.heads[room] = seq
            self._waiters[room].wake()

    async def wait(self, room: str, after: Cursor, timeout_s: float) -> bool:
        """Wait as `Store.wait` promises."""
        give_up_s = time.monotonic() + timeout_s
        while True:
            if after.epoch == self.epoch and room not in self.heads:
                await self._follow(room)
            if self._is_beyond(room, after):
                return True
            if not await self._waiters[room].wait(give_up_s - time.monotonic()):
                return False

    async def look(self) -> None:
        """Ask where each room ends now.

        A log that ends before what was seen of it has lost its end (an old backup, a crashed machine). What it lost
        cannot be told, and its numbers would be given twice, so it becomes another log. Too late if they are given
        already: a failover, where that is likely, is therefore noticed by the engine's own history, before an append.
        """
        epoch, known = self.epoch, dict(self.heads)
        heads = await self._logs.heads(list(known))
        if self.epoch == epoch and any(heads[room] < seq for room, seq in known.items()):
            await self._logs.abandon(epoch)
        else:
            for room, seq in heads.items():
                self.learn(room, seq)

    def wake(self) -> None:
        """Let everyone who waits go on."""
        for waiters in self._waiters.values():
            waiters.wake()

    def close(self) -> None:
        """Let everyone who waits go on, from now on at once."""
        self._closed = True
        self.wake()

    def _is_beyond(self, room: str, after: Cursor) -> bool:
        return self._closed or after.epoch != self.epoch or self.heads.get(room, 0) > after.seq

    async def _follow(self, room: str) -> None:
        """Learn of the room from now on; what was committed before is in the answer that tells its head."""
        self.heads[room] = 0
        try:
            heads = await self._logs.heads([room])
        except BaseException as error:
            self.heads.pop(room, None)
            self._waiters[room].wake()  # whoever joined in must ask anew
            if self._closed and isinstance(error, Unavailable):
                return
            raise
        self.learn(room, heads[room])
        self._on_follow()
