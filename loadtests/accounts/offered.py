"""Whether the load that was offered is the load that was meant: the same on every transport, deed by deed.

Teaches that "the same load" is a claim to be checked. The schedule says who does what at which moment; the senders
noted what they did, and for which moment. Both boil down to a digest, which stands in the results: cells with the same
digest bore the same load. Pure.
"""

from collections.abc import Iterable
from hashlib import sha256

from loadtests.accounts.samples import KINDS, Samples
from loadtests.plan.schedule import intentions
from loadtests.plan.workload import Workload

Meant = tuple[int, int, str]
"""User, intended moment in microseconds from the load's start, kind."""


def meant(workload: Workload) -> list[Meant]:
    """Return what the schedule has for the window."""
    return [
        (user, round(1e6 * one.moment_s), one.kind.value)
        for user in range(workload.users)
        for one in intentions(workload, user)
        if workload.warm_up_s <= one.moment_s < workload.load_s
    ]


def done(workload: Workload, samples: Samples) -> list[Meant]:
    """Return what was done and acknowledged of it. The schedule's moments are whole microseconds: they survive."""
    begin_s = samples.window.start_s - workload.warm_up_s
    return [
        (row.sender, round(1e6 * (row.intended_s - begin_s)), KINDS[row.kind].value)
        for row in samples.deeds()
        if samples.window.holds(row.intended_s)
    ]


def digest(load: Iterable[Meant]) -> str:
    """Return 16 hexadecimal digits that two loads share only if they are the same, in whatever order."""
    lines = "\n".join(f"{user} {moment_us} {kind}" for user, moment_us, kind in sorted(load))
    return sha256(lines.encode()).hexdigest()[:16]
