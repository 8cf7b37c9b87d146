"""The last event of each cache channel, for those who subscribe later.

Teaches that such a cache is a convenience and no log: it holds one event, for half an hour, in this process only
(https://pusher.com/docs/channels/using_channels/cache-channels/).
"""

from collections.abc import Callable
from dataclasses import dataclass

TTL_S = 1800.0
BYTES_MAX = 16 * 1024 * 1024
ENTRY_BYTES = 500
"""What an event takes beside its text, about."""


@dataclass(frozen=True, slots=True)
class CachedEvent:
    """An event's frame, its data, and until when it is kept on the cache's clock."""

    text: str
    data: str
    until_s: float

    @property
    def size(self) -> int:
        """Memory in bytes, about; characters take four at most."""
        return ENTRY_BYTES + 4 * (len(self.text) + len(self.data))


class EventCache:
    """One event for each channel, for TTL_S; the oldest go when BYTES_MAX are full."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._events: dict[str, CachedEvent] = {}  # the oldest first
        self._bytes = 0

    def put(self, channel: str, text: str, data: str) -> None:
        """Keep an event in place of the last one of its channel."""
        self._remove(channel)
        self._events[channel] = event = CachedEvent(text, data, self._clock() + TTL_S)
        self._bytes += event.size
        while self._bytes > BYTES_MAX:
            self._remove(next(iter(self._events)))

    def get(self, channel: str) -> tuple[CachedEvent, float] | None:
        """Return a channel's event and for how many seconds it is still kept, if there is one."""
        event = self._events.get(channel)
        left_s = event.until_s - self._clock() if event else 0.0
        return (event, left_s) if event and left_s > 0 else None

    def _remove(self, channel: str) -> None:
        if event := self._events.pop(channel, None):
            self._bytes -= event.size
