"""`python -m loadtests hosted`: what a serverless host does to each transport, and what it bills for it.

Teaches to let a host fail its users, and to count: a connection that is cut, a response that is too late and a user who
never gets in are what is measured here. A lost message is not: then nothing adds up. Users are silent for longer than a
host's limit, which a busier pace would never show, and join one after the other, since all instances start on one core.
Three questions need three windows: what is billed, what a limit of minutes cuts, and whether the number of calls that
share an instance, which no vendor publishes, changes a verdict.

What crosses the wire: `GET /host/stats`, to which the host responds itself, and bills to nobody, at both ends of the
window. Users whom it does not let in retry until the coordinator gives up.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from loadtests.accounts.rows import Window
from loadtests.choices import with_changes
from loadtests.experiments.hosted.accounts import Bill, Row, row_of, timeline_of
from loadtests.harness.children import running
from loadtests.harness.cores import Cores, choose
from loadtests.harness.distance import ClientAddresses
from loadtests.harness.generator import Generator, generating
from loadtests.harness.manifest import describe
from loadtests.harness.measurement import sleep_until
from loadtests.harness.provisioned_store import StoreChoice, provisioned
from loadtests.harness.server_probe import READY_S, Server
from loadtests.plan.workload import HOLD_S, LEASE_S, Workload
from loadtests.reports.trials import Trial, keep
from loadtests.scenarios import Planned, Scenario, experiment
from loadtests.targets.target import OurServers
from results.schema import HOSTED, HOSTED_FILE, TIMELINE, Column
from servers.deploy.child_process import python_module
from servers.stats import read_stats
from servers.transports import TRANSPORTS, Transport

INSTANCES_MAX = 10
DIGITS = 4  # after the point, of seconds and dollars
STORE = "redis"
UPKEEP, LIMIT, VERDICT = "upkeep", "limit", "verdict"  # the points of the experiment in `scenarios.toml`
TABLES: dict[str, tuple[Column, ...]] = {"hosted": HOSTED, "timeline": TIMELINE}


@dataclass(frozen=True, slots=True)
class Host:
    """A profile of the serverless host, as `python -m servers.deploy.serverless` knows it, and its load.

    max_duration_s, concurrency: None, or another value than the profile's.
    """

    profile: str
    point: str = UPKEEP
    max_duration_s: float | None = None
    concurrency: int | None = None

    @property
    def name(self) -> str:
        """Its profile, and what differs from it."""
        limit = f", {self.max_duration_s:g} s" if self.max_duration_s else ""
        return self.profile + limit + (f", {self.concurrency} at once" if self.concurrency else "")

    @property
    def options(self) -> list[str]:
        """The options of the host's command."""
        limit = ["--max-duration", f"{self.max_duration_s:g}"] if self.max_duration_s else []
        calls = ["--concurrency", str(self.concurrency)] if self.concurrency else []
        return ["--profile", self.profile, *limit, *calls, "--instances", str(INSTANCES_MAX)]


HOSTS = (
    Host("classic-hobby"),
    Host("classic-pro"),
    Host("fluid-2026", LIMIT),
    Host("fluid-2026", max_duration_s=10.0),
    *(Host("fluid-2026", VERDICT, concurrency=calls) for calls in (1, 10, 100)),
)
QUICK_HOSTS = (Host("fluid-2026", LIMIT, max_duration_s=2.0, concurrency=100),)


def steps(scenario: Scenario, hosts: Sequence[Host], transports: Sequence[Transport]) -> list[tuple[Planned, Host]]:
    """Return the measurements in their order: of each repeat, which only LIMIT has, every transport on every host."""
    found: list[tuple[Planned, Host]] = []
    for repeat in range(scenario.repeats):
        planned = [each for each in scenario.planned(transports, repeat) if not repeat or each.workload.point == LIMIT]
        pairs = [(each, host) for each in planned for host in hosts if host.point == each.workload.point]
        found += Random(f"order {repeat}").sample(pairs, len(pairs))
    return found


def measure_hosts(out: Path, quick: bool, transports: Sequence[Transport] = TRANSPORTS, webhooks: bool = False) -> int:
    """Measure, write and report; return the exit status: 1 if anything does not add up, or was not measured.

    webhooks: see `Workload`.
    """
    scenario, cores = with_changes(experiment("hosted", quick), {"webhooks": int(webhooks)}), choose()
    record = describe([scenario], [row.slug for row in transports], cores) | {"hosts": {}}
    planned = steps(scenario, QUICK_HOSTS if quick else HOSTS, transports)
    return keep(_trials(planned, cores, record), record, TABLES, out / HOSTED_FILE, cores)


def _trials(steps: Iterable[tuple[Planned, Host]], cores: Cores, record: dict[str, Any]) -> Iterator[Trial]:
    """Yield each measurement, which adds to the record its host's limits and, at first, its first user's timeline."""
    for planned, host in steps:
        key: Row = {"transport": planned.transport.slug, "host": host.name, "repeat": planned.repeat}
        yield Trial("hosted", key, partial(_measure, planned, host, cores, key, record), planned.about_s)


def _measure(planned: Planned, host: Host, cores: Cores, key: Row, record: dict[str, Any]) -> Row:
    """Measure one transport on one host; return a row of `results.schema.HOSTED` without its key. Waits.

    Adds to the record the host's limits and the first user's timeline, in place of what an earlier trial of this step
    added. Raises NotMeasured, OSError.
    """
    slug, load = planned.transport.slug, planned.workload
    locust_file = OurServers().locust_file(slug)
    with TemporaryDirectory(prefix="hosted-") as name:
        folder = Path(name)
        with (
            hosting(slug, host, cores.servers, folder, load) as server,
            generating(locust_file, ClientAddresses(server.address), load, cores.generator, folder) as generator,
        ):
            start = bill_of(server)
            window = generator.await_window()
            bills = _bills(server, generator, window) if window else None
            samples = generator.await_samples()
            before, after = bills or (start, bill_of(server))
    record["hosts"][host.name] = dict(server.settings)
    if planned.repeat == 0:
        whose = {name: key[name] for name in ("transport", "host")}
        others = [row for row in record["timeline"] if not whose.items() <= row.items()]
        record["timeline"] = others + [whose | rounded(row) for row in timeline_of(planned.transport, samples)]
    return rounded(row_of(planned, samples, before, after))


def rounded(row: Row) -> Row:
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in row.items()}


def _bills(server: Server, generator: Generator, window: Window) -> tuple[Bill, Bill]:
    """Return the host's bill when the window begins and when it ends; waits."""
    bills = []
    for moment_s in window:
        sleep_until(moment_s, generator.poll)
        bills.append(bill_of(server))
    return bills[0], bills[1]


@contextmanager
def hosting(slug: str, host: Host, core: int | None, folder: Path, load: Workload) -> Iterator[Server]:
    """Run a transport's server as a function, with its store's engine and push service; raises NotMeasured.

    The host, its instances and the engine share one core. `settings` are the host's limits, and those of its functions.
    """
    server_options = f"--hold {HOLD_S:g} --lease {LEASE_S:g}" + (" --presence webhook" if load.webhooks else "")
    with provisioned(StoreChoice(STORE), core, folder) as store:
        options = [*host.options, "--store", store.url, "--server-options", server_options, "--port", "0", "--attached"]
        command = python_module("servers.deploy.serverless", slug, *options)
        with running(command, core, folder / f"host of {slug}.log", store.environment) as child:
            ready = child.next_line(READY_S)
            settings = {**ready["settings"], "engine": store.engine, "hold_s": HOLD_S, "lease_s": LEASE_S}
            yield Server(ready["address"], ready.get("push_service", ""), ready["pids"], settings)


def bill_of(server: Server) -> Bill:
    """Return what the host has metered so far; waits for its response, and raises OSError."""
    return read_stats(server.address, "/host/stats")
