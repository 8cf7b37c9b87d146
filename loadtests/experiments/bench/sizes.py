"""How much is measured: every number of the benchmark in one place, in full and for a quick trial.

Legs last a second of the server's CPU time or more, since the system counts that in hundredths.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FanOutSize:
    """How many subscribers, and how many messages a leg sends them one at a time, and with 16 in flight."""

    subscribers: int
    messages: int


@dataclass(frozen=True, slots=True)
class BenchSizes:
    """The defaults are the full benchmark."""

    pairs: int = 5
    fan_out: tuple[FanOutSize, ...] = (FanOutSize(100, 1000), FanOutSize(1000, 100))
    stall_subscribers: int = 100
    stall_messages: int = 2500
    parked: int = 1000
    wakes: int = 5
    polls: int = 20_000
    poll_connections: int = 32
    idle_connections: int = 1000
    page_rate: int = 20
    page_s: float = 600.0


QUICK = BenchSizes(
    pairs=1,
    fan_out=(FanOutSize(20, 100), FanOutSize(40, 50)),
    stall_subscribers=5,
    stall_messages=2500,
    parked=20,
    wakes=1,
    polls=200,
    poll_connections=4,
    idle_connections=50,
    page_s=10.0,
)
