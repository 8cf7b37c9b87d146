"""What is measured, and which question each measurement answers.

Teaches that a load without a question is only noise. A scenario is data: one or several workloads, which differ in the
one thing that the question is about. The sizes are such that on two cores neither the servers nor the load generator
are the limit, but in `steps`, which looks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from loadtests.plan.workload import Workload
from servers.transports import Transport


class Key(NamedTuple):
    """Which cell a row belongs to; the fields are the columns of `results.schema.KEY`."""

    scenario: str
    point: str
    transport: str
    repeat: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One measurement that is to be made: a transport under one load of a scenario, for the repeat-th time from 0.

    up_to_limit: whether its question is where a limit is. smaller_points: the loads before it; once one of them was too
    much, this one is not worth its time.
    """

    transport: Transport
    scenario: str
    workload: Workload
    repeat: int = 0
    up_to_limit: bool = False
    smaller_points: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self._key_at(self.workload.point)

    @property
    def smaller(self) -> tuple[Key, ...]:
        """The keys of the same measurement at the smaller loads."""
        return tuple(map(self._key_at, self.smaller_points))

    def label(self, name: str) -> str:
        """Return which measurement this is, given the transport's name or slug."""
        parts = [name, self.scenario, self.workload.point, f"repeat {self.repeat}" if self.repeat else ""]
        return ", ".join(filter(None, parts))

    def _key_at(self, point: str) -> Key:
        return Key(self.scenario, point, self.transport.slug, self.repeat)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A question, and the loads that answer it.

    transports: slugs; empty means all. repeats: of a full run. up_to_limit: the loads grow, until a limit is reached.
    samples: how many deliveries of a cell a full run keeps, drawn by its seed. preview: too short to be a measurement.
    fixed: the fields of its loads that its question is about.
    """

    name: str
    question: str
    workloads: tuple[Workload, ...]
    transports: tuple[str, ...] = ()
    repeats: int = 3
    up_to_limit: bool = False
    samples: int = 500
    preview: bool = False
    fixed: frozenset[str] = frozenset()

    def planned(self, transports: Sequence[Transport], repeat: int = 0) -> tuple[Planned, ...]:
        """Return the measurements of one repeat: each load on every transport that is asked about, in turn."""
        points = tuple(load.point for load in self.workloads)
        return tuple(
            Planned(row, self.name, load.seeded(repeat), repeat, self.up_to_limit, points[:index])
            for index, load in enumerate(self.workloads)
            for row in transports
            if not self.transports or row.slug in self.transports
        )


CONVERSATION = Scenario(
    "conversation",
    "How long until they see it, and what does each delivery cost, when people talk?",
    (Workload(),),
    repeats=5,
    samples=2000,
)

PREVIEW = Scenario(
    "preview",
    "What does a comparison look like?",
    (Workload(measured_s=4.0, poll_interval_s=1.0),),
    repeats=1,
    preview=True,
)
"""What `--quick` runs in place of a scenario: all transports in less than a minute."""

SCENARIOS = (
    CONVERSATION,
    Scenario(
        "idle",
        "What does it cost to be there while hardly anybody says anything?",
        (Workload(users=400, rate_per_s=0.005, measured_s=12.0),),
    ),
    Scenario(
        "busy",
        "When messages come faster than polls, does collecting them make polling cheaper than pushing?",
        (Workload(rate_per_s=1.0, measured_s=12.0),),
    ),
    Scenario(
        "burst",
        "How long does the last one wait when everybody speaks at the same moment?",
        (Workload(bunch_s=5.0, measured_s=12.0),),
    ),
    Scenario(
        "large_room",
        "What does one message cost, and when has the last of 200 people seen it?",
        (Workload(users=200, room_size=200, rate_per_s=0.01, measured_s=12.0),),
        fixed=frozenset({"users", "room_size"}),
    ),
    Scenario(
        "signals",
        "What of typing, presence and receipts is still true when it is seen?",
        (Workload(rate_per_s=0.1, typing_per_s=0.1, receipts_per_s=0.1, comings_per_s=0.02, measured_s=12.0),),
    ),
    Scenario(
        "churn",
        "What does it cost that people come and go, and what when all connections break at once?",
        (
            Workload(point="coming and going", comings_per_s=0.1, measured_s=12.0),
            Workload(point="server restart", users=100, rate_per_s=0.1, restart_at_s=3.0, measured_s=12.0),
        ),
    ),
    Scenario(
        "interval_sweep",
        "How do a short poller's waiting and its requests depend on its interval, and is it as theory says?",
        tuple(
            Workload(point=f"poll every {interval_s:g} s", users=100, poll_interval_s=interval_s, measured_s=15.0)
            for interval_s in (0.5, 1.0, 2.0, 5.0, 10.0)
        ),
        transports=("short_polling",),
        samples=1000,
        fixed=frozenset({"poll_interval_s"}),
    ),
    Scenario(
        "distance",
        "What does the distance between client and server add?",
        tuple(
            Workload(point=f"{1000 * delay_s:g} ms away", one_way_delay_s=delay_s, measured_s=6.0)
            for delay_s in (0.0, 0.02, 0.05, 0.1)
        ),
    ),
    Scenario(
        "third_transit",
        "What does the distance from the API to the push service add?",
        tuple(
            Workload(
                point=f"{1000 * delay_s:g} ms to the service",
                one_way_delay_s=0.05,
                push_link_delay_s=delay_s,
                measured_s=6.0,
            )
            for delay_s in (0.0, 0.05, 0.1)
        ),
        transports=("pusher_adapter",),
    ),
    Scenario(
        "keep_alive",
        "What does it cost to open a connection for every request?",
        (
            Workload(point="connections kept", measured_s=12.0),
            Workload(point="closed after each answer", keep_alive=0, measured_s=12.0),
        ),
        transports=("short_polling", "long_polling"),
    ),
    Scenario(
        "presence_poll",
        "How late is the list of who is online, if it is polled every 5 s?",
        (Workload(comings_per_s=0.05, poll_interval_s=5.0, measured_s=20.0),),
        transports=("short_polling",),
        fixed=frozenset({"poll_interval_s"}),
    ),
    Scenario(
        "steps",
        "How many users does one core of a server hold?",
        tuple(
            Workload(point=f"{users} users", users=users, rate_per_s=0.5, measured_s=6.0)
            for users in (100, 200, 400, 800, 1600)
        ),
        up_to_limit=True,
        fixed=frozenset({"users"}),
    ),
)


def find(name: str) -> Scenario:
    """Return the scenario of that name; raises ValueError with the names that there are."""
    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    raise ValueError(f"scenario: expected one of {', '.join(row.name for row in SCENARIOS)}, got {name!r}")
