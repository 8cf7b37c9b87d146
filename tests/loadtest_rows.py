"""What a load generator might have noted down about two users in one room, Ann and Bob; Ann sends."""

from loadtests.cell import Cell, make_cell
from loadtests.samples import Received, Samples, Sent, Tick, Window
from loadtests.scenarios import Planned
from loadtests.workload import Workload
from results.schema import CELLS
from servers.transports import TRANSPORTS

PAIR = Workload(users=2, room_size=2, measured_s=10.0, poll_interval_s=1.0)
PLANNED = Planned(TRANSPORTS[0], "test", PAIR)
SPENT = {
    column.name: 1.0
    for column in CELLS
    if column.name.startswith(("requests", "server", "publish", "api", "push", "generator"))
    or column.name in ("command_frames", "empty_answers", "connections")
}


def sent(seq: int, at_s: float = 105.0) -> Sent:
    return Sent(room=0, seq=seq, sender=0, intended_s=at_s, sent_s=at_s, acked_s=at_s + 0.001)


def received(seq: int, recipient: int) -> Received:
    return Received(room=0, seq=seq, recipient=recipient, received_s=105.5)


def samples(messages: list[Sent], deliveries: list[Received], late_s: float = 0.0) -> Samples:
    noted = Samples(window=Window(101.0, 111.0), user_ids={0: "ann", 1: "bob"})
    for message in messages:
        noted.note_sent(message)
    for delivery in deliveries:
        noted.note_received(delivery)
    for _ in range(100):
        noted.note_tick(Tick(101.0, late_s))
    return noted


def cell(deliveries: list[Received], late_s: float = 0.0) -> Cell:
    return make_cell(PLANNED, samples([sent(1)], deliveries, late_s), SPENT)


BOTH = [received(1, 0), received(1, 1)]
