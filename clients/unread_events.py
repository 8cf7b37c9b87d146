"""The events that a client has received and its reader has not taken: a queue with a limit in bytes, not in events.

Teaches back-pressure: when it is full, the client stops receiving, and the server keeps the rest.
"""

import asyncio
from sys import getsizeof

from servers.core.wire import Event

UNREAD_BYTES_MAX = 16 * 1024 * 1024
EVENT_BYTES = 600
"""What an event takes beside its text, about."""

Unread = Event | Exception | None
"""An error, or None for the end of the session, ends what can be read."""


class UnreadEvents(asyncio.Queue[Unread]):
    """A queue that is full when it has UNREAD_BYTES_MAX; the last event may go beyond."""

    _bytes = 0

    def full(self) -> bool:
        return self._bytes >= UNREAD_BYTES_MAX

    def end(self) -> None:
        """Add the end, in place of the oldest events if it is full."""
        while self.full():
            self.get_nowait()
        self.put_nowait(None)

    def _put(self, item: Unread) -> None:
        super()._put(item)
        self._bytes += _size(item)

    def _get(self) -> Unread:
        item = super()._get()
        self._bytes -= _size(item)
        return item


def _size(item: Unread) -> int:
    return EVENT_BYTES + (getsizeof(item.body) if isinstance(item, Event) else 0)
