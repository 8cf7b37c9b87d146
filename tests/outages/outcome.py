"""The outcome of an outage: from what people saw to one row of the record."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from statistics import median_high
from time import monotonic

from tests.outages.people import Crowd, Person, Size

LATE_S = 0.5
"""A message is late that arrives later than this after its intended moment: its recipient was not up to date."""

Outcome = dict[str, float]  # columns of `results.schema.OUTAGES`, times in seconds


async def outcome_of(joined: Crowd, failure: Callable[[], Awaitable[None]], size: Size) -> Outcome:
    """Have something fail while people talk, and return the outcome, a loss included.

    Raises TimeoutError or ClientError if a message is never acknowledged: then nothing can be counted.
    """
    await asyncio.sleep(size.before_s)
    began_s = monotonic()
    await failure()
    over_s = monotonic()
    await asyncio.sleep(size.after_s)
    await joined.finish(size.catch_up_s)
    return outcome(joined.people, began_s, over_s)


def outcome(people: Sequence[Person], began_s: float, over_s: float) -> Outcome:
    """Return the outcome of an outage from `began_s` to `over_s`; messages and deliveries are counted over all."""
    sent = {message.seq for person in people for message in person.sent}
    deliveries = sum(len({message.seq for message in person.received} & sent) for person in people)
    return {
        "messages": len(sent),
        "deliveries": deliveries,
        "lost": len(sent) * len(people) - deliveries,
        "duplicates": sum(len(each.received) - len({message.text for message in each.received}) for each in people),
        "out_of_order": sum(later.seq < one.seq for person in people for one, later in pairwise(person.received)),
        "connections_broken": sum(any(up_s >= began_s for _, up_s in person.broken) for person in people),
        "seen_offline": len({user for person in people for user, at_s in person.offline if at_s >= began_s}),
        **{name: round(value_s, 3) for name, value_s in _times_s(people, began_s, over_s).items()},
    }


def _times_s(people: Sequence[Person], began_s: float, over_s: float) -> Outcome:
    """Return for how long people felt the outage, by each measure."""
    sent = [message for person in people for message in person.sent]
    intended_s = {message.seq: message.intended_s for message in sent}
    delays = [
        (message.at_s, message.at_s - intended_s[message.seq])
        for person in people
        for message in person.received
        if message.seq in intended_s
    ]
    late_s = [at_s - began_s for at_s, delay_s in delays if at_s >= began_s and delay_s > LATE_S]
    waits_s = [each.acked_s - each.intended_s for each in sent if each.acked_s >= began_s]
    broken_s = [(down_s, up_s) for person in people for down_s, up_s in person.broken if up_s >= began_s]
    ended_s = max((message.acked_s for message in sent), default=over_s)
    return {
        "lasted_s": over_s - began_s,
        "up_to_date_s": max(late_s, default=0),
        "silent_s": max(_longest_gap_s(person, began_s, ended_s) for person in people),
        "unacknowledged_s": max(waits_s, default=0),
        "reconnecting_s": max((up_s - max(down_s, began_s) for down_s, up_s in broken_s), default=0),
        "baseline_s": median_high([delay_s for at_s, delay_s in delays if at_s < began_s] or [0.0]),
    }


def _longest_gap_s(person: Person, began_s: float, ended_s: float) -> float:
    """Return the longest time for which a person saw no message after the outage began."""
    moments = [began_s, *(message.at_s for message in person.received if message.at_s >= began_s), ended_s]
    return max(later - one for one, later in pairwise(moments))
