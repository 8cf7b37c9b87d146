"""Whose clock a moment is of: all processes of one machine share a monotonic clock, and no two machines do.

Teaches what can be timed across machines: nothing but a sender's own echo. The beginning of a test can be passed on,
as late as the message was on its way; a delivery from one machine to another cannot be timed by it, and is not.
"""

import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def this_machine() -> str:
    """Return what tells this machine, since it was started, from any other; elsewhere than on Linux, its name."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else platform.node()


@dataclass(frozen=True, slots=True)
class Clock:
    """ahead_s: by how much this machine's monotonic clock is ahead of the conductor's, about; exactly 0 if it is that.

    Off by as long as the conductor's message was on its way.
    """

    ahead_s: float

    @classmethod
    def of(cls, machine: str, then_s: float, now_s: float) -> "Clock":
        """Return this machine's clock, given which machine told when, by its own clock, and when that was heard."""
        return cls(0.0 if machine == this_machine() else now_s - then_s)

    def here_s(self, there_s: float) -> float:
        """Return a moment of the conductor's clock by this one."""
        return there_s + self.ahead_s
