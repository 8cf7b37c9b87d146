"""What one generator process saw: sessions, actions and events, added to its samples as they happen.

Teaches how an event is traced back to its scheduled moment: the acknowledgement of an action has the event's seq; an
event that arrives before its acknowledgement can only be the sender's current action. Does not use Locust.
"""

from collections.abc import Iterable
from time import perf_counter, time

from clients.inbox import Inbox
from loadtests.accounts.accounting import DuplicateDetector, Place
from loadtests.accounts.rows import KINDS, TO_THE_END, LogEntry, Received, Reconnection, Sent, Session
from loadtests.accounts.samples import Samples
from servers.core.wire import Event, Kind, Page


class DeliveryRecorder:
    """Records until `close`. heads: the last seq of each room that is known here."""

    def __init__(self) -> None:
        self.samples = Samples(wall_clock_s=time() - perf_counter())
        self.closed = False
        self.heads: dict[int, int] = {}
        self._numbers: dict[str, int] = {}
        self._inboxes: dict[int, Inbox] = {}
        self._open: dict[int, Session] = {}
        self._detectors: dict[int, DuplicateDetector] = {}
        self._current_s: dict[int, float] = {}
        self._joining_s: dict[int, float] = {}
        self._scheduled_s: dict[Place, float] = {}
        self._known: set[Place] = set()

    @property
    def caught_up(self) -> bool:
        """Whether every user has all known events of their room, and is back if the connection broke in the window."""
        if self.samples.disconnected_in_window():
            return False
        return all(self._inboxes[user].cursor.seq >= self.heads[row.room] for user, row in self._open.items())

    def joined(self, room: int, user: int, user_id: str, inbox: Inbox, number: int) -> None:
        """Note that a user's session begins at their inbox's cursor."""
        self.samples.user_ids[user] = user_id
        self._numbers[user_id] = user
        self._inboxes[user] = inbox
        self._open[user] = Session(room, user, number, inbox.cursor.seq)
        self._detectors[user] = DuplicateDetector()
        self._raise_head(room, inbox.cursor.seq)

    def left(self, user: int) -> None:
        """Note that a user's session ends; does nothing if there is none, or if the test is over."""
        if (session := self._open.pop(user, None)) and not self.closed:
            self.samples.sessions.append(session._replace(end=self._inboxes.pop(user).cursor.seq))
            self.samples.disconnected.pop(user, None)

    def disconnected(self, user: int, broken_s: float) -> None:
        """Note that a user's connection broke, until `reconnected`; does nothing if the test is over."""
        if not self.closed:
            self.samples.disconnected[user] = broken_s

    def reconnected(self, row: Reconnection) -> None:
        """Note that a user reads on, on a new connection; does nothing if the test is over."""
        if not self.closed:
            del self.samples.disconnected[row.user]
            self.samples.reconnections.append(row)

    def starts(self, user: int, due_s: float, body: str) -> None:
        """Note the scheduled moment of the action that a user starts now."""
        moments_s = self._joining_s if body == "online" else self._current_s
        moments_s[user] = due_s

    def acknowledged(self, row: Sent) -> None:
        """Note an action that is acknowledged."""
        self.samples.sent.append(row)
        if row.seq > 0:
            self._current_s.pop(row.sender, None)
            self._scheduled_s[row.room, row.seq] = row.intended_s
            self._raise_head(row.room, row.seq)

    def received(self, user: int, page: Page) -> None:
        """Note what a connection brought, before the inbox puts it in order; does nothing if the test is over."""
        if not self.closed:
            repeats = self._detectors[user].add(event.seq for event in page.events)
            self.samples.wire_duplicates += repeats.duplicates
            self.samples.wire_reordered += repeats.out_of_order

    def delivered(self, room: int, user: int, event: Event, received_s: float) -> float | None:
        """Note a delivery; return the scheduled moment of its action, None if it has none, or if the test is over."""
        if self.closed:
            return None
        place = (room, event.seq)
        sender = self._numbers.get(event.sender, -1)
        if place not in self._known:
            self._add_event(room, sender, event)
        self.samples.received.append(Received(room, event.seq, user, self._open[user].number, received_s))
        if event.body == "online":
            return self._joining_s.get(sender)
        return self._scheduled_s.get(place) or self._current_s.get(sender)

    def close(self) -> None:
        """End the test: the open sessions last to its end."""
        self.closed = True
        self.samples.sessions += [session._replace(end=TO_THE_END) for session in self._open.values()]

    def raise_heads(self, heads: Iterable[tuple[int, int]]) -> None:
        """Take over the heads of rooms that are known elsewhere."""
        for room, seq in heads:
            self._raise_head(room, seq)

    def _add_event(self, room: int, sender: int, event: Event) -> None:
        """Add an event that nobody here has seen before."""
        self._known.add((room, event.seq))
        kind, expires_at_ms = KINDS.index(event.kind), event.expires_at_ms or 0
        self.samples.logged.append(LogEntry(room, event.seq, kind, sender, event.at_ms, expires_at_ms))
        if event.kind is Kind.PRESENCE and event.body == "offline":
            self.samples.offline.append((room, event.seq))
        if sender < 0:
            self.samples.strangers.append((room, event.seq, event.sender))
        self._raise_head(room, event.seq)

    def _raise_head(self, room: int, seq: int) -> None:
        self.heads[room] = max(seq, self.heads.get(room, 0))
