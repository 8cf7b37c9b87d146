"""Clocks of several machines: all processes of one machine share a monotonic clock, and no two machines do.

Teaches what can be timed across machines: only deliveries to users on the sender's own machine. The beginning of a test
can be passed on, as late as the message was under way; a delivery from one machine to another is not timed.
"""

import platform
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def this_machine() -> str:
    """Return an id of this machine since it was started; elsewhere than on Linux, its name."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else platform.node()


def clock_ahead_s(machine: str, sent_s: float, received_s: float) -> float:
    """Return by how much this machine's clock is ahead of another's: exactly 0 if the machine is this one.

    sent_s, received_s: when a message was sent, by the other's clock, and received, by this one's; so the result is
    wrong by the time that the message was under way.
    """
    return 0.0 if machine == this_machine() else received_s - sent_s
