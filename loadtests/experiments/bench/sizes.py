"""How much the benchmark measures: in full, and quickly, to see that it runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BenchSizes:
    """How much is measured; the defaults are the full benchmark.

    pairs: turns of ours and a baseline, or repeats. fan_out: of each room, its subscribers and the messages to it.
    parked: held polls; wakes: messages that end all of them. polls: of one turn, over poll_connections. growth_events
    are in one room's log, growth_rooms in the store; growth_calls: timed joins or sends at each size. page_s: for how
    many seconds messages go to the demo's page.
    """

    pairs: int = 5
    fan_out: tuple[tuple[int, int], ...] = ((100, 1000), (1000, 100))
    parked: int = 1000
    wakes: int = 5
    polls: int = 20_000
    poll_connections: int = 32
    idle_connections: int = 1000
    many_connections: int = 10_000
    growth_connections: tuple[int, ...] = (100, 1000, 4000, 10_000)
    growth_members: tuple[int, ...] = (50, 250, 1000, 5000)
    growth_events: tuple[int, ...] = (1000, 10_000, 100_000, 1_000_000)
    growth_rooms: tuple[int, ...] = (100, 1000, 10_000, 100_000)
    growth_calls: int = 2000
    page_s: float = 600.0


QUICK = BenchSizes(
    pairs=1,
    fan_out=((20, 100), (40, 50)),
    parked=20,
    wakes=1,
    polls=200,
    poll_connections=4,
    idle_connections=50,
    many_connections=100,
    growth_connections=(50, 100),
    growth_members=(20, 40),
    growth_events=(100, 1000),
    growth_rooms=(10, 100),
    growth_calls=100,
    page_s=10.0,
)
