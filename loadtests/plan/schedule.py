"""The schedule of every user's actions: fixed before the first message is sent, and the same for every transport.

Teaches two things that make a load honest. First, an open loop: the moments do not depend on how fast the server
responds, so a stalled server cannot hide its stall by slowing its senders down (coordinated omission). Second, Poisson
processes: a periodic sender would be in step with the polls. Each kind of action has a stream of random numbers of its
own, so that adding one leaves the others as they were. Pure: a seed goes in, moments come out.
"""

from collections.abc import Iterable, Iterator
from random import Random
from typing import NamedTuple

from loadtests.plan.workload import Workload
from servers.core.wire import Kind

TYPING_S = (1.0, 3.0)
"""For how long somebody types, uniformly: around a poll interval, so that some notices end before they are seen."""

ABSENT_S = (1.0, 3.0)
"""For how long somebody is away: short, so that a window has many joins and leaves."""


class ScheduledAction(NamedTuple):
    """An action of a user. moment_s: from the load's start. body: as in the event, of typing and presence only."""

    moment_s: float
    kind: Kind
    body: str = ""


FIRST_SEND = ScheduledAction(0.0, Kind.MESSAGE)
"""What every user does before the load begins, so that a cold connection is not part of what is measured."""


def schedule(workload: Workload, user: int) -> list[ScheduledAction]:
    """Return a user's actions in order. A user who is away does nothing, and nobody leaves while they type.

    Users leave and type in the window only, once every poller has polled; and they are back and have stopped before its
    end. So what begins and what ends are equally frequent in it, and a user has received before they leave.
    """
    seed, length_s = workload.seed, workload.load_s
    window_s = workload.warm_up_s, length_s
    messages = bunched(poisson_s("messages", seed, user, workload.rate_per_s, length_s), workload.bunch_s)
    actions = [ScheduledAction(moment_s, Kind.MESSAGE) for moment_s in messages]
    receipts = poisson_s("receipts", seed, user, workload.receipts_per_s, length_s)
    actions += [ScheduledAction(moment_s, Kind.RECEIPT) for moment_s in receipts]
    absences = list(intervals_s("comings", seed, user, workload.comings_per_s, window_s, ABSENT_S))
    actions = [action for action in actions if not any(left <= action.moment_s < back for left, back in absences)]
    for left_s, back_s in absences:
        actions += [ScheduledAction(left_s, Kind.PRESENCE, "offline"), ScheduledAction(back_s, Kind.PRESENCE, "online")]
    for began_s, ended_s in intervals_s("typing", seed, user, workload.typing_per_s, window_s, TYPING_S):
        if not any(left_s <= ended_s and began_s < back_s for left_s, back_s in absences):
            notices = (began_s, "started"), (ended_s, "stopped")
            actions += [ScheduledAction(moment_s, Kind.TYPING, body) for moment_s, body in notices]
    return sorted(action._replace(moment_s=round(action.moment_s, 6)) for action in actions)


def poisson_s(stream: str, seed: int, user: int, rate_per_s: float, length_s: float) -> Iterator[float]:
    """Yield the moments of one kind of action, in seconds from the load's start, up to its length; never at rate 0.

    The gaps are exponential, and so without memory: the first gap is the random phase as well.
    """
    if not rate_per_s:
        return
    random = Random(f"{stream} {seed} {user}")
    moment_s = random.expovariate(rate_per_s)
    while moment_s < length_s:
        yield moment_s
        moment_s += random.expovariate(rate_per_s)


def intervals_s(
    stream: str, seed: int, user: int, rate_per_s: float, window_s: tuple[float, float], lasting_s: tuple[float, float]
) -> Iterator[tuple[float, float]]:
    """Yield intervals within a window that begin at random moments, last uniformly long, and never overlap."""
    random = Random(f"{stream} last {seed} {user}")
    free_from_s, end_s = window_s
    for began_s in poisson_s(stream, seed, user, rate_per_s, end_s):
        if began_s > free_from_s:
            ended_s = began_s + random.uniform(*lasting_s)
            if ended_s < end_s:
                free_from_s = ended_s
                yield began_s, ended_s


def bunched(moments_s: Iterable[float], bunch_s: float) -> Iterator[float]:
    """Yield the moments, each moved back to a multiple of `bunch_s` seconds, so that all fall together; 0 for none."""
    for moment_s in moments_s:
        yield moment_s - moment_s % bunch_s if bunch_s else moment_s


def phase(seed: int, user: int) -> float:
    """Return where in its interval a user's first poll falls, from 0 to 1: pollers must not be in step."""
    return Random(f"phase {seed} {user}").random()
