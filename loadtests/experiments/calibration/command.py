"""`python -m loadtests calibrate`: drive a stub with known delays, and state the load generator's own error.

Teaches to calibrate the instrument as it is used, with only the server replaced. Every room has a delay of its own, so
one load tries them all. Over TLS and HTTP/2 nginx stands before the stub.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

from loadtests.accounts.verdict import Status
from loadtests.experiments.calibration import record
from loadtests.experiments.calibration.record import CalibrationRow, ErrorQuantiles, errors_ms, row_of
from loadtests.experiments.calibration.stub_room import StubLog
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.cores import Cores, choose
from loadtests.harness.distance import ClientAddresses
from loadtests.harness.manifest import describe
from loadtests.harness.measurement import measure
from loadtests.harness.restarts import FixedServer, RunningServers
from loadtests.harness.server_probe import READY_S, Probe, Server
from loadtests.harness.tls_proxy import proxied
from loadtests.plan.workload import PLAIN, Workload
from loadtests.reports.trials import Row, Trial, keep
from loadtests.scenarios import Planned, Scenario
from loadtests.targets.target import OurServers
from results import terminal
from results.schema import CALIBRATIONS, SAMPLES_MIN, Column
from results.terminal import FittedTable, TableColumn, TableRow, note
from servers.deploy.child_process import OnTick, python_module
from servers.transports import Transport

POLL_S = 1.0
TABLE = "rows"
COLUMNS = tuple(Column(field.name, "object", "", "see CalibrationRow") for field in fields(CalibrationRow))


@dataclass(frozen=True, slots=True)
class Stub(OurServers):
    """The target of a calibration: our own Locust files, against a server whose every delay is known."""

    delays_ms: Sequence[float]
    log: Path

    @contextmanager
    def serving(
        self, transport: Transport, workload: Workload, cores: Cores, folder: Path, on_tick: OnTick
    ) -> Iterator[tuple[RunningServers, ClientAddresses]]:
        delays = ",".join(f"{delay:g}" for delay in self.delays_ms)
        arguments = (transport.slug, "--delays", delays, "--log", str(self.log))
        command = python_module("loadtests.experiments.calibration.stub", *arguments)
        with running(command, cores.servers, folder / "stub.log") as child:
            ready = child.next_line(READY_S, on_tick)
            server = Server(ready["address"], "", ready["pids"], {"delays_ms": list(self.delays_ms)})
            if workload.link == PLAIN:
                yield FixedServer(server), ClientAddresses(server.address)
                return
            with proxied(server.address, cores.servers, folder / "nginx") as nginx:
                service = nginx.address if transport.needs_push_service else ""
                yield FixedServer(server), ClientAddresses(nginx.address, service, nginx.authority)

    def probe(self, transport: Transport, server: Server, generator_pid: int) -> Probe:
        return Probe(server, generator_pid)


def calibrate(
    transports: Sequence[Transport],
    users: Sequence[int],
    delays_ms: Sequence[float],
    seconds: float,
    out: Path,
    link: str = PLAIN,
) -> int:
    """Measure, print and record; return the exit status, which does not depend on the size of the error."""
    cores = choose()
    loads = [Workload(users=count, measured_s=seconds, poll_interval_s=POLL_S, link=link) for count in users]
    scenario = Scenario("calibration", "How large is the load generator's own error?", tuple(loads), repeats=1)
    calibration = describe([scenario], [row.slug for row in transports], cores)
    calibration |= {"machine": record.this_machine(), "load": {"delays_ms": list(delays_ms), "link": link}}
    trials = [_trial(planned, delays_ms, cores) for planned in scenario.planned(transports)]
    status = keep(trials, calibration, {TABLE: COLUMNS}, out / CALIBRATIONS.replace("*", link), cores)
    if not status:
        print_rows(terminal.console(), record.rows_of(calibration), transports)
    return status


def _trial(planned: Planned, delays_ms: Sequence[float], cores: Cores) -> Trial:
    key: Row = {"transport": planned.transport.slug, "users": planned.workload.users}
    return Trial(TABLE, key, partial(_calibrate, planned, delays_ms, cores), planned.about_s)


def _calibrate(planned: Planned, delays_ms: Sequence[float], cores: Cores) -> Row:
    """Calibrate for one transport under one load; raises NotMeasured if the deliveries do not add up."""
    with TemporaryDirectory(prefix="calibration-") as name:
        log = Path(name, "stub.log")
        cell = measure(planned, cores, lambda _: None, Stub(delays_ms, log))
        if not cell.verdict.adds_up:
            raise NotMeasured(cell.verdict.reason)
        errors = errors_ms(cell.deliveries, StubLog.read(log), delays_ms)
    return asdict(row_of(planned.transport.slug, planned.workload.users, cell.verdict.status, errors))


def print_rows(console: Console, rows: Sequence[CalibrationRow], transports: Sequence[Transport]) -> None:
    """Print the table, and the conclusions from it."""
    labels = {transport.slug: transport.label for transport in transports}
    delays = list(rows[0].by_delay)
    columns = (
        TableColumn("transport", text=True, min_width=13),
        TableColumn("users"),
        TableColumn("n", priority=1),
        *(TableColumn(f"held {delay} ms", "p50/p99 ms", priority=2) for delay in delays),
        TableColumn("all", "p50/p99 ms"),
        TableColumn("verdict", text=True),
    )
    console.print(note("\nThe load generator's own error, over n deliveries that a stub held for a known time\n"))
    console.print(FittedTable(columns, [_table_row(row, labels[row.transport], delays) for row in rows]))
    console.print()
    machine = record.this_machine()
    console.print(note(f"On {machine['name']} ({machine['cpu']}, {machine['cores']} cores), {record.sentence(rows)}."))
    for slug, held in record.users_held(rows).items():
        console.print(note(f"{labels[slug]}: of the users that were tried, one generator holds {held:,}."))
    if disturbed := [row for row in rows if row.verdict != Status.VALID]:
        lagged = (
            f"In {len(disturbed)} of {len(rows)} rows the generator lagged beyond what a comparison accepts. "
            "If something else kept the machine busy, remove the record and calibrate again when it is quiet."
        )
        console.print(note(lagged), style="yellow")


def _table_row(row: CalibrationRow, label: str, delays: Sequence[str]) -> TableRow:
    errors = [_p50_p99(row.by_delay[delay]) if delay in row.by_delay else "-" for delay in delays]
    verdict = Text(row.verdict, style="green" if row.verdict == Status.VALID else "yellow")
    return TableRow((label, str(row.users), f"{row.overall.n:,}", *errors, _p50_p99(row.overall), verdict))


def _p50_p99(error: ErrorQuantiles) -> str:
    return f"{error.p50_ms:.1f}/{error.p99_ms:.1f}" if error.n >= SAMPLES_MIN[99] else f"{error.p50_ms:.1f}/-"
