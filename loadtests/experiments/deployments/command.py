"""`python -m loadtests deployments`: one small load on each of the three deployments, all their processes counted.

Teaches to compare what can be chosen, not only the transport in it. All run on one core of one machine: distances, and
what real hosts share with other customers, are in none of the figures.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from loadtests.harness.cores import Cores, choose
from loadtests.harness.manifest import describe
from loadtests.harness.measurement import measure
from loadtests.reports.trials import Row, Trial, keep, row_of
from loadtests.scenarios import Planned, Scenario, experiment
from loadtests.targets.target import DeployedServers
from results import schema
from servers.deploy.deployments import DEPLOYMENTS, Deployment
from servers.transports import find

TABLE = "deployments"


def measure_deployments(out: Path, quick: bool) -> int:
    """Measure, write and report; return the exit status: 1 if anything does not add up, or was not measured."""
    scenario = experiment(TABLE, quick)
    cores = choose()
    record = describe([scenario], sorted({deployment.transport for deployment in DEPLOYMENTS}), cores)
    return keep(trials(scenario, cores), record, {TABLE: schema.DEPLOYMENTS}, out / schema.DEPLOYMENTS_FILE, cores)


def trials(scenario: Scenario, cores: Cores) -> Iterator[Trial]:
    """Yield each measurement: every deployment before any of them again, in an order drawn for each repeat."""
    for repeat in range(scenario.repeats):
        for deployment in Random(f"order {repeat}").sample(DEPLOYMENTS, len(DEPLOYMENTS)):
            (planned,) = scenario.planned([find(deployment.transport)], repeat)
            key: Row = {"deployment": deployment.name, "transport": deployment.transport, "repeat": repeat}
            yield Trial(TABLE, key, partial(_row, planned, deployment, cores), planned.about_s)


def _row(planned: Planned, deployment: Deployment, cores: Cores) -> Row:
    """Return a row of `results.schema.DEPLOYMENTS`, and more."""
    return row_of(measure(planned, cores, lambda _: None, DeployedServers(deployment)))
