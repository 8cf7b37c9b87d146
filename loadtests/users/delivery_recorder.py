"""What one generator process saw: sessions, deeds and events, put into its samples as they happen.

Teaches how an event is traced back to the moment at which somebody meant to cause it. The acknowledgement names the
event; and one that is seen before its acknowledgement can only be what its sender is busy with, since each does one
thing at a time. Knows nothing of Locust.
"""

from collections.abc import Iterable
from time import perf_counter, time

from clients.inbox import Inbox
from loadtests.accounts.accounting import Place
from loadtests.accounts.samples import KINDS, STAYS, Received, Return, Samples, Seen, Sent, Session
from loadtests.users.duplicate_detector import DuplicateDetector
from servers.core.wire import Event, Kind, Page


class DeliveryRecorder:
    """Notes down what happens until `close`. Deeds and events outside of it are nobody's business."""

    def __init__(self) -> None:
        self.samples = Samples(wall_clock_s=time() - perf_counter())
        self.closed = False
        self._numbers: dict[str, int] = {}
        self._inboxes: dict[int, Inbox] = {}
        self._open: dict[int, Session] = {}
        self._hearings: dict[int, DuplicateDetector] = {}
        self.heads: dict[int, int] = {}
        self._busy_for_s: dict[int, float] = {}
        self._came_s: dict[int, float] = {}
        self._meant_s: dict[Place, float] = {}
        self._known: set[Place] = set()

    @property
    def caught_up(self) -> bool:
        """Whether all who listen have all that is known of their room, and nobody is away since the window."""
        if self.samples.away_of_window():
            return False
        heads, sessions = self.heads, self._open
        return all(inbox.cursor.seq >= heads[sessions[user].room] for user, inbox in self._inboxes.items())

    def entered(self, room: int, user: int, user_id: str, inbox: Inbox, number: int) -> None:
        """Note that a user's session begins where their inbox stands."""
        self.samples.user_ids[user] = user_id
        self._numbers[user_id] = user
        self._inboxes[user] = inbox
        self._open[user] = Session(room, user, number, inbox.cursor.seq)
        self._hearings[user] = DuplicateDetector()
        self._raise_head(room, inbox.cursor.seq)

    def left(self, user: int) -> None:
        """Note that a user listens no more; does nothing if they did not, or if the test is over."""
        if (session := self._open.pop(user, None)) and not self.closed:
            self.samples.sessions.append(session._replace(end=self._inboxes.pop(user).cursor.seq))
            self.samples.away.pop(user, None)

    def line_broke(self, user: int, broken_s: float) -> None:
        """Note that a user's line broke, who is away until `returned`; does nothing if the test is over."""
        if not self.closed:
            self.samples.away[user] = broken_s

    def returned(self, row: Return) -> None:
        """Note that a user reads on, on a new line; does nothing if the test is over."""
        if not self.closed:
            del self.samples.away[row.user]
            self.samples.returns.append(row)

    def means(self, user: int, due_s: float, body: str) -> None:
        """Note what moment the deed was meant for that a user begins with now."""
        (self._came_s if body == "online" else self._busy_for_s)[user] = due_s

    def did(self, row: Sent) -> None:
        """Note a deed, now that it is acknowledged."""
        self.samples.note_sent(row)
        if row.seq > 0:
            self._busy_for_s.pop(row.sender, None)
            self._meant_s[row.room, row.seq] = row.intended_s
            self._raise_head(row.room, row.seq)

    def heard(self, user: int, page: Page) -> None:
        """Note what a line brought, before the inbox put it in order; does nothing if the test is over."""
        if not self.closed:
            again, late = self._hearings[user].hear(event.seq for event in page.events)
            self.samples.heard_again += again
            self.samples.heard_late += late

    def saw(self, room: int, user: int, event: Event, received_s: float) -> float | None:
        """Note a delivery; return when somebody meant to cause it, None if nobody did, or if the test is over."""
        if self.closed:
            return None
        place, sender = (room, event.seq), self._numbers.get(event.sender, -1)
        if place not in self._known:
            self._known.add(place)
            kind, expires_at_ms = KINDS.index(event.kind), event.expires_at_ms or 0
            self.samples.note_seen(Seen(room, event.seq, kind, sender, event.at_ms, expires_at_ms))
            if event.kind is Kind.PRESENCE and event.body == "offline":
                self.samples.offline.append(place)
            if sender < 0:
                self.samples.strangers.append((room, event.seq, event.sender))
            self._raise_head(room, event.seq)
        self.samples.note_received(Received(room, event.seq, user, self._open[user].number, received_s))
        if event.body == "online":
            return self._came_s.get(sender)
        return self._meant_s.get(place) or self._busy_for_s.get(sender)

    def close(self) -> None:
        """End the test: whoever still listens has stayed to the end."""
        self.closed = True
        self.samples.sessions += [session._replace(end=STAYS) for session in self._open.values()]

    def raise_heads(self, heads: Iterable[tuple[int, int]]) -> None:
        """Learn how far the log of some rooms goes."""
        for room, seq in heads:
            self._raise_head(room, seq)

    def _raise_head(self, room: int, seq: int) -> None:
        self.heads[room] = max(seq, self.heads.get(room, 0))
