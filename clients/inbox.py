"""The inbox: pages go in, in any order and any number of times; new events come out in order, each once.

Teaches that a client needs only its cursor to tell whether events are new, old or missing. The chat clients and
the load tests both use it, so that "delivered" means the same in both. No I/O, no clock.
"""

from dataclasses import dataclass, field

from servers.core.wire import Cursor, Event, Page

EARLY_MAX = 256


@dataclass(slots=True)
class Inbox:
    """A cursor on one room's log, and the pages that came too early for it.

    redundant_frames: pages that held events, but no new ones. lost_log: the log's epoch changed, so events may be
    missing and the room must be joined again; `cursor` is then a position in the new log. At most EARLY_MAX early pages
    are kept. The events of a dropped page are read again: `behind` stays true until the cursor has reached its end.
    """

    cursor: Cursor
    redundant_frames: int = 0
    lost_log: bool = False
    _early: dict[int, Page] = field(default_factory=dict)
    _furthest: int = 0

    @property
    def behind(self) -> bool:
        """Whether an early page waits for missing events: catch up by reading from `cursor`."""
        return self._furthest > self.cursor.seq

    def feed(self, page: Page) -> list[Event]:
        """Add a page; return the events that are now new and in order."""
        if page.epoch != self.cursor.epoch:
            return self._start_over(page)
        if page.after > self.cursor.seq:
            self._keep(page)
            return []
        events = self._advance(page)
        for after in sorted(self._early):
            if after <= self.cursor.seq:
                events += self._advance(self._early.pop(after))
        return events

    def lags(self, head: Cursor) -> bool:
        """Return whether the log has events after the cursor, so that the client should read."""
        return head.epoch != self.cursor.epoch or head.seq > self.cursor.seq

    def _keep(self, page: Page) -> None:
        """Keep an early page; of two that begin alike the longer one; none if there are too many."""
        self._furthest = max(self._furthest, page.next)
        known = self._early.get(page.after)
        is_wanted = len(self._early) < EARLY_MAX if known is None else page.next > known.next
        if is_wanted:
            self._early[page.after] = page

    def _advance(self, page: Page) -> list[Event]:
        events = [event for event in page.events if event.seq > self.cursor.seq]
        if page.events and not events:
            self.redundant_frames += 1
        self.cursor = Cursor(self.cursor.epoch, max(self.cursor.seq, page.next))
        return events

    def _start_over(self, page: Page) -> list[Event]:
        self.lost_log = True
        self._early.clear()
        self._furthest = 0
        self.cursor = page.cursor
        return list(page.events)
