"""Until when an event is true, and so whether it still was when somebody saw it.

Teaches that most events of a chat are true for a while only: a typing notice expires, and a newer event about the same
person's typing, presence or reading replaces the one before. A message is true for ever. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from math import inf

from loadtests.accounts.accounting import Place
from loadtests.accounts.rows import KINDS, LogEntry
from servers.core.wire import Kind


def true_until_ms(log: Iterable[LogEntry]) -> dict[Place, float]:
    """Return for each event the moment, on the wall clock, from which on it is true no more; infinity for a message.

    That is when it expires, or when the next event of the same kind by the same sender was committed. An event that
    ends a notice has its own moment as its expiry, for clients that show notices; but that the notice ended stays true.
    """
    until_ms: dict[Place, float] = {}
    states: defaultdict[tuple[int, int, int], list[LogEntry]] = defaultdict(list)
    for event in log:
        until_ms[event.room, event.seq] = event.expires_at_ms if event.expires_at_ms > event.at_ms else inf
        if KINDS[event.kind] is not Kind.MESSAGE:
            states[event.room, event.sender, event.kind].append(event)
    for events in states.values():
        events.sort(key=lambda event: event.seq)
        for event, following in pairwise(events):
            place = (event.room, event.seq)
            until_ms[place] = min(until_ms[place], following.at_ms)
    return until_ms
