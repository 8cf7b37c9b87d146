"""Do the deliveries add up? Every acknowledged message, to every member of its room, exactly once, in order.

Teaches that a latency is worth nothing if the slowest deliveries are missing from it: a run that lost a message is
void, however fast it was. Pure: rows go in, counts come out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loadtests.samples import Received, Sent


@dataclass(frozen=True, slots=True)
class Account:
    """What was due and what came. delivered counts no duplicates; out_of_order: given out after a later message."""

    messages: int
    expected: int
    delivered: int
    lost: int
    duplicates: int
    out_of_order: int

    @property
    def complaint(self) -> str:
        """Say what does not add up; empty when all does."""
        wrongs = {"lost": self.lost, "delivered twice": self.duplicates, "out of order": self.out_of_order}
        told = [f"{count:,} {what}" for what, count in wrongs.items() if count]
        return f"of {self.expected:,} deliveries: {', '.join(told)}" if told else ""


def account(sent: Iterable[Sent], received: Iterable[Received], members: Mapping[int, Iterable[int]]) -> Account:
    """Compare what the senders had acknowledged with what the members of their rooms received.

    members: the users of each room, the sender included, since nobody joins or leaves during a run. Deliveries of
    messages that are not in `sent` are left out. `received` must be in the order in which inboxes gave them out.
    """
    messages = {(row.room, row.seq) for row in sent}
    due = {(room, seq, member) for room, seq in messages for member in members[room]}
    got: set[tuple[int, int, int]] = set()
    newest: dict[int, int] = {}
    duplicates = out_of_order = 0
    for row in received:
        if (row.room, row.seq) not in messages:
            continue
        delivery = (row.room, row.seq, row.recipient)
        duplicates += delivery in got
        out_of_order += delivery not in got and row.seq < newest.get(row.recipient, 0)
        got.add(delivery)
        newest[row.recipient] = max(row.seq, newest.get(row.recipient, 0))
    delivered = len(due & got)
    return Account(len(messages), len(due), delivered, len(due) - delivered, duplicates, out_of_order)
