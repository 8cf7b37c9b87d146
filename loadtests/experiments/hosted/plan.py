"""Which serverless hosts are measured, with which transports, under which load, and in which order.

Teaches what shows a host's limit: users who are silent for longer than it. So the room is a quiet one: at the busier
pace of a comparison no long poll would ever be held for ten seconds. And that users who arrive together are cut
together: so they join one after the other, since here all instances start on one core, in a data centre each on its
own. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from loadtests.plan.workload import Workload
from loadtests.scenarios import Planned, Scenario
from servers.transports import Transport

INSTANCES_MAX = 10


@dataclass(frozen=True, slots=True)
class Host:
    """A profile of the serverless host, as `python -m servers.deploy.serverless` knows it.

    max_duration_s: another limit than the profile's; None: the profile's.
    """

    profile: str
    max_duration_s: float | None = None

    @property
    def name(self) -> str:
        """Its profile, and its limit if that is not the profile's."""
        return self.profile + (f", {self.max_duration_s:g} s" if self.max_duration_s else "")

    @property
    def options(self) -> list[str]:
        """The options of the host's command."""
        limit = ["--max-duration", f"{self.max_duration_s:g}"] if self.max_duration_s else []
        return ["--profile", self.profile, *limit, "--instances", str(INSTANCES_MAX)]


LOAD = Workload(users=8, room_size=8, rate_per_s=0.03, measured_s=55.0, joins_per_s=0.8, lines_break=1)
"""One room, and users who reconnect when they are cut."""
HOSTS = (Host("classic-hobby"), Host("classic-pro"), Host("fluid-2026"), Host("fluid-2026", 10.0))


@dataclass(frozen=True, slots=True)
class HostedPlan:
    """The hosts, and the load on each."""

    load: Workload = LOAD
    hosts: tuple[Host, ...] = HOSTS

    @property
    def scenario(self) -> Scenario:
        return Scenario("hosted", "What does a serverless host do to each transport?", (self.load,), repeats=1)

    def steps(self, transports: Sequence[Transport]) -> list[tuple[Planned, Host]]:
        """Return the measurement of every transport on every host, in random order."""
        steps = [(planned, host) for planned in self.scenario.planned(transports) for host in self.hosts]
        return Random("order").sample(steps, len(steps))


QUICK_LOAD = Workload(
    users=4, room_size=4, rate_per_s=0.5, measured_s=6.0, joins_per_s=20.0, poll_interval_s=0.5, lines_break=1
)
QUICK = HostedPlan(QUICK_LOAD, (Host("fluid-2026", 2.0),))
