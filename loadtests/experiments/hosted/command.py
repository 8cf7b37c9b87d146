"""`python -m loadtests hosted`: what a serverless host does to each transport, and what it bills for it.

Teaches to let a host fail its users, and to count: a connection that is cut, a response that is too late and a user who
never gets in are what is measured here, and no reason to stop. A lost message is one: then nothing adds up.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from loadtests.experiments.hosted.accounts import Row
from loadtests.experiments.hosted.measure import measure_hosted
from loadtests.experiments.hosted.plan import Host, HostedPlan
from loadtests.harness.cores import Cores, choose
from loadtests.harness.manifest import describe
from loadtests.reports.trials import Trial, keep
from loadtests.scenarios import Planned
from results.schema import HOSTED, HOSTED_FILE, TIMELINE, Column
from servers.transports import TRANSPORTS, Transport

TABLES: dict[str, tuple[Column, ...]] = {"hosted": HOSTED, "timeline": TIMELINE}


def measure_hosts(plan: HostedPlan, out: Path, transports: Sequence[Transport] = TRANSPORTS) -> int:
    """Measure, write and report; return the exit status: 1 if anything does not add up, or was not measured."""
    cores = choose()
    record = describe([plan.scenario], [row.slug for row in transports], cores) | {"hosts": {}}
    return keep(_trials(plan, transports, cores, record), record, TABLES, out / HOSTED_FILE, cores)


def _trials(plan: HostedPlan, transports: Sequence[Transport], cores: Cores, record: dict[str, Any]) -> Iterator[Trial]:
    """Yield each measurement, which adds to the record its host's limits and its first user's timeline."""
    for planned, host in plan.steps(transports):
        key: Row = {"transport": planned.transport.slug, "host": host.name}
        yield Trial("hosted", key, partial(_measure, planned, host, cores, key, record))


def _measure(planned: Planned, host: Host, cores: Cores, key: Row, record: dict[str, Any]) -> Row:
    """Return a row of `results.schema.HOSTED` without its key; what an earlier trial of this step added is replaced."""
    measured = measure_hosted(planned, host, cores)
    record["hosts"][host.name] = measured.settings
    others = [row for row in record["timeline"] if not key.items() <= row.items()]
    record["timeline"] = others + [key | row for row in measured.timeline]
    return measured.figures
