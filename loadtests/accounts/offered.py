"""Whether the load that was offered is the load that was scheduled: the same on every transport, action by action.

Teaches that "the same load" is a claim to be checked. The schedule has each user's actions with their moments; the
senders recorded their actions, with the moment each was scheduled for. Both reduce to a digest, which is kept with the
results: cells with the same digest had the same load. Pure.
"""

from collections.abc import Iterable
from hashlib import sha256

from loadtests.accounts.rows import KINDS
from loadtests.accounts.samples import Samples
from loadtests.plan.schedule import schedule
from loadtests.plan.workload import Workload

Action = tuple[int, int, str]
"""User, scheduled moment in microseconds from the load's start, kind."""


def scheduled(workload: Workload) -> list[Action]:
    """Return the actions that the schedule has for the window."""
    return [
        (user, round(1e6 * each.moment_s), each.kind.value)
        for user in range(workload.users)
        for each in schedule(workload, user)
        if workload.warm_up_s <= each.moment_s < workload.load_s
    ]


def acknowledged(workload: Workload, samples: Samples) -> list[Action]:
    """Return the actions of the window that were acknowledged. (Scheduled moments are whole microseconds.)"""
    begin_s = samples.window.start_s - workload.warm_up_s
    return [
        (row.sender, round(1e6 * (row.intended_s - begin_s)), KINDS[row.kind].value)
        for row in samples.actions()
        if samples.window.contains(row.intended_s)
    ]


def digest(actions: Iterable[Action]) -> str:
    """Return 16 hexadecimal digits that two loads share only if they are the same, in whatever order."""
    lines = "\n".join(f"{user} {moment_us} {kind}" for user, moment_us, kind in sorted(actions))
    return sha256(lines.encode()).hexdigest()[:16]
