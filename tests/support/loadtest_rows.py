"""Samples that a load generator might have noted of two users in one room, Ann and Bob; Ann sends."""

from loadtests.accounts.cell import Cell, acknowledged, digest, make_cell
from loadtests.accounts.rows import KINDS, LogEntry, Received, Sent, Session, Window
from loadtests.accounts.samples import Samples
from loadtests.accounts.wire_bytes import Around, ClientBytes, WireBytes
from loadtests.plan.workload import Workload
from loadtests.scenarios import Planned
from results.schema import CELLS
from servers.core.wire import Kind
from servers.transports import TRANSPORTS

PAIR = Workload(users=2, room_size=2, measured_s=10.0, poll_interval_s=1.0)
PLANNED = Planned(TRANSPORTS[0], "test", PAIR)
SPENT = {"readings_apart_s": PAIR.measured_s, "stolen_s": 0.0} | {
    column.name: 1.0
    for column in CELLS
    if column.name.startswith(
        ("requests", "storm", "server", "publish", "api", "push", "store_", "proxy_", "generator")
    )
    or column.name in ("command_frames", "empty_answers", "connections")
}


def sent(seq: int, at_s: float = 105.0) -> Sent:
    return Sent(room=0, seq=seq, sender=0, kind=0, intended_s=at_s, sent_s=at_s, acked_s=at_s + 0.001)


def received(seq: int, recipient: int) -> Received:
    return Received(room=0, seq=seq, recipient=recipient, session=0, received_s=105.5)


def seen(
    seq: int, kind: Kind = Kind.MESSAGE, sender: int = 0, at_ms: int = 105_000, expires_at_ms: int = 0
) -> LogEntry:
    return LogEntry(0, seq, KINDS.index(kind), sender, at_ms, expires_at_ms)


BOTH_STAY = [Session(room=0, user=0, number=0, start=0), Session(room=0, user=1, number=0, start=0)]


def noted(sessions: list[Session], *rows: Sent | Received | LogEntry) -> Samples:
    collected = Samples(window=Window(101.0, 111.0), user_ids={0: "ann", 1: "bob"}, sessions=list(sessions))
    collected.sent = [row for row in rows if isinstance(row, Sent)]
    collected.received = [row for row in rows if isinstance(row, Received)]
    collected.logged = [row for row in rows if isinstance(row, LogEntry)]
    return collected


def samples(messages: list[Sent], deliveries: list[Received], late_s: float = 0.0) -> Samples:
    log = map(seen, {delivery.seq for delivery in deliveries})
    collected = noted(BOTH_STAY, *messages, *deliveries, *log)
    collected.lateness_s = [late_s] * 100
    return collected


def counted(up: int, down: int, around: int = 5) -> ClientBytes:
    """Return a generator's count: bytes in the window, and `around` bytes each way on either side of its ends."""
    start, end = WireBytes(1000, 1000), WireBytes(1000 + up, 1000 + down)
    slack = WireBytes(around, around)
    return ClientBytes(
        Around(start.minus(slack), start, start.plus(slack)), Around(end.minus(slack), end, end.plus(slack)), total=end
    )


def made(noted: Samples, planned: Planned = PLANNED) -> Cell:
    return make_cell(planned, noted, SPENT, digest(acknowledged(PAIR, noted)))


def cell(deliveries: list[Received], late_s: float = 0.0, planned: Planned = PLANNED) -> Cell:
    return made(samples([sent(1)], deliveries, late_s), planned)


BOTH = [received(1, 0), received(1, 1)]
