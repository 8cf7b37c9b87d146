"""What generator processes recorded: a row for every action, event and delivery.

Teaches why Locust's own statistics are not enough: they round 102.3 ms to 100. And what keeps a measurement by several
processes exact: their rows are put together, never averaged. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import reduce

import msgspec

from loadtests.accounts.accounting import Place
from loadtests.accounts.rows import Handshake, LogEntry, Received, Reconnection, Request, Sent, Session, Window
from loadtests.accounts.wire_bytes import ClientBytes

APART = {"window", "wall_clock_s", "user_ids", "disconnected", "client_bytes", "strangers", "logged"}
"""The fields that are not simply added up when samples are merged."""


class Samples(msgspec.Struct):
    """Everything that one generator process recorded.

    wall_clock_s: what to add to the monotonic clock to get the wall clock. user_ids: by user number. send_retries:
    how often an action failed and was tried again; send_failures: how many actions were given up.
    redundant_frames: as the inboxes counted them; wire_duplicates, wire_reordered: sums of all `DuplicateDetector`s.
    offline: room and seq of each event by which a user went offline. requests: only where connections may break.
    disconnected: of the users who are not back yet, when the connection broke, by user.
    client_bytes: what the connections carried; None if this machine cannot count it. troubles: what went wrong.

    sent: what was acknowledged, in the order of the acknowledgements. received: the deliveries, in the order in which
    the inboxes gave them out. logged: the events that anybody saw, each once, in the order in which they were seen
    first. strangers: of events whose sender is in another process: room, seq and the sender's user id. lateness_s: how
    late the generator's own ticks came. begun_s: the moments at which users began an HTTP request.
    """

    window: Window = Window(0.0, 0.0)
    wall_clock_s: float = 0.0
    user_ids: dict[int, str] = {}
    sessions: list[Session] = []
    reconnections: list[Reconnection] = []
    disconnected: dict[int, float] = {}
    offline: list[tuple[int, int]] = []
    requests: list[Request] = []
    handshakes: list[Handshake] = []
    send_retries: int = 0
    send_failures: int = 0
    redundant_frames: int = 0
    wire_duplicates: int = 0
    wire_reordered: int = 0
    client_bytes: ClientBytes | None = None
    troubles: list[str] = []
    strangers: list[tuple[int, int, str]] = []
    sent: list[Sent] = []
    received: list[Received] = []
    logged: list[LogEntry] = []
    lateness_s: list[float] = []
    begun_s: list[float] = []

    def most_begun(self, span_s: float) -> int:
        """Cut the window into spans; return how many requests users began in the busiest of them."""
        moments_s = filter(self.window.contains, self.begun_s)
        spans = Counter(int((moment_s - self.window.start_s) / span_s) for moment_s in moments_s)
        return max(spans.values(), default=0)

    def reconnections_in_window(self) -> list[Reconnection]:
        """Return the reconnections of users whose connection broke in the window, whenever they were back."""
        return [row for row in self.reconnections if self.window.contains(row.broken_s)]

    def disconnected_in_window(self) -> list[int]:
        """Return the users whose connection broke before the end of the window and who are not back yet."""
        return [user for user, broken_s in self.disconnected.items() if broken_s < self.window.end_s]

    def encoded(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decoded(cls, encoded: bytes) -> "Samples":
        return msgspec.msgpack.decode(encoded, type=cls)


def merged(parts: Sequence[Samples]) -> Samples:
    """Return everything that was recorded; raises ValueError without parts."""
    if not parts:
        raise ValueError("merged: expected the samples of at least one process")
    if len(parts) == 1:
        return parts[0]
    whole = Samples(window=parts[0].window, wall_clock_s=parts[0].wall_clock_s)
    for part in parts:
        whole.user_ids |= part.user_ids
        whole.disconnected |= part.disconnected
        for name in set(Samples.__struct_fields__) - APART:
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
    whole.logged = list(log_of(parts, whole.user_ids))
    whole.client_bytes = added([part.client_bytes for part in parts])
    return whole


def log_of(parts: Sequence[Samples], user_ids: dict[int, str]) -> Iterator[LogEntry]:
    """Yield every event that anybody saw once, with its sender's number, whichever process that user was in."""
    numbers = {user_id: number for number, user_id in user_ids.items()}
    known: set[Place] = set()
    for part in parts:
        strangers = {(room, seq): user_id for room, seq, user_id in part.strangers}
        for event in part.logged:
            place = (event.room, event.seq)
            if place not in known:
                known.add(place)
                yield event._replace(sender=numbers.get(strangers[place], -1)) if place in strangers else event


def added(parts: Sequence[ClientBytes | None]) -> ClientBytes | None:
    """Return the bytes of all processes; None if one of them could not count."""
    counted = [part for part in parts if part is not None]
    return reduce(ClientBytes.plus, counted) if len(counted) == len(parts) else None
