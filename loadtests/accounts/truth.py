"""Until when an event is true, and so whether it still was when somebody saw it.

Teaches that most of what a chat tells is true for a while only: a typing notice expires, and whatever was told last of
somebody's typing, presence or reading replaces what was told before. News that comes later than that is a lie told
late. A message is true for ever. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from math import inf

from loadtests.accounts.accounting import Place
from loadtests.accounts.samples import KINDS, Seen
from servers.core.wire import Kind


def true_until_ms(log: Iterable[Seen]) -> dict[Place, float]:
    """Return for each event the moment, on the wall clock, from which on it is true no more; infinity for a message.

    That is when it expires, or when the next event of the same kind by the same sender was committed. What takes a
    notice back bears an expiry of its own moment, for whoever shows notices; but that it was taken back stays true.
    """
    until_ms: dict[Place, float] = {}
    told: defaultdict[tuple[int, int, int], list[Seen]] = defaultdict(list)
    for event in log:
        until_ms[event.room, event.seq] = event.expires_at_ms if event.expires_at_ms > event.at_ms else inf
        if KINDS[event.kind] is not Kind.MESSAGE:
            told[event.room, event.sender, event.kind].append(event)
    for events in told.values():
        events.sort(key=lambda event: event.seq)
        for event, following in pairwise(events):
            place = (event.room, event.seq)
            until_ms[place] = min(until_ms[place], following.at_ms)
    return until_ms
