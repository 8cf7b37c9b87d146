"""When everybody means to speak: fixed before the first message is sent, and the same for every transport.

Teaches two things that make a load honest. An open loop: the moments do not depend on how fast the server answers, so
a stalled server cannot slow the questions down and so hide its stall (coordinated omission). And Poisson: a sender
that keeps a beat would beat against the pollers' interval. Pure: a seed goes in, moments come out.
"""

from collections.abc import Iterable, Iterator
from random import Random


def intended_s(seed: int, user: int, rate_per_s: float, length_s: float) -> Iterator[float]:
    """Yield when a user means to send, in seconds from the load's start, up to its length.

    The gaps are exponential, which has no memory: so the first gap is the random phase as well.
    """
    random = Random(f"messages {seed} {user}")
    moment_s = random.expovariate(rate_per_s)
    while moment_s < length_s:
        yield moment_s
        moment_s += random.expovariate(rate_per_s)


def bunched(moments_s: Iterable[float], bunch_s: float) -> Iterator[float]:
    """Yield the moments, each moved back to a multiple of `bunch_s` seconds, so that all fall together; 0 for none."""
    for moment_s in moments_s:
        yield moment_s - moment_s % bunch_s if bunch_s else moment_s


def phase(seed: int, user: int) -> float:
    """Return where in its interval a user's first poll falls, from 0 to 1: pollers must not march in step."""
    return Random(f"phase {seed} {user}").random()
