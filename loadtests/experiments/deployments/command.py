"""`python -m loadtests deployments`: one small load on each of the three deployments, all their processes counted.

Teaches to compare what is on offer, and not only what carries it: the same people talk over each deployment by the
transport that it is meant for, so what differs is hosts, ways and engines together. All stand on one core of one
machine: distances, and what real hosts have in common with other customers, are in none of the figures.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from loadtests.experiments.bench.processes import cores
from loadtests.harness.manifest import describe
from loadtests.harness.measurement import measure
from loadtests.plan.workload import Workload
from loadtests.reports.trials import Row, Trial, keep, row_of
from loadtests.scenarios import Planned, Scenario
from loadtests.targets.deployed import Deployed
from results.schema import TOPOLOGIES, TOPOLOGIES_FILE
from servers.deploy.deployments import OPTIONS, Option
from servers.transports import find

TABLE = "topologies"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. window_s: of each load; rate_per_s: messages of each of the 20 users."""

    repeats: int = 5
    window_s: float = 20.0
    rate_per_s: float = 0.2

    @property
    def scenario(self) -> Scenario:
        """The load that each deployment bears: two rooms of ten."""
        load = Workload(users=20, room_size=10, rate_per_s=self.rate_per_s, measured_s=self.window_s)
        question = "How long until they see it, and what does each delivery cost, on each deployment?"
        return Scenario(TABLE, question, (load,), repeats=self.repeats)


SMALL = Size(repeats=1, window_s=2.0, rate_per_s=1.0)


def measure_deployments(size: Size, out: Path) -> int:
    """Measure, write and say where; return the exit status: 1 if anything does not add up, or was not measured."""
    placement, slugs = cores(), sorted({option.transport for option in OPTIONS})
    made = describe([size.scenario], slugs, placement)
    return keep(takes(size), made, {TABLE: TOPOLOGIES}, out / TOPOLOGIES_FILE, placement)


def takes(size: Size) -> Iterator[Trial]:
    """Yield each measurement: every deployment before any of them again, in an order drawn for each repeat."""
    for repeat in range(size.repeats):
        for option in Random(f"order {repeat}").sample(OPTIONS, len(OPTIONS)):
            (planned,) = size.scenario.planned([find(option.transport)], repeat)
            key: Row = {"option": option.name, "transport": option.transport, "repeat": repeat}
            yield Trial(TABLE, key, partial(_row, planned, option))


def _row(planned: Planned, option: Option) -> Row:
    """Return a row of `results.schema.TOPOLOGIES`, and more."""
    return row_of(measure(planned, cores(), lambda _: None, Deployed(option)))
