"""`python -m loadtests calibrate`: drive a stub with known delays, and state the load generator's own error.

Teaches to calibrate the instrument as it is used, with only the server replaced. Every room has a delay of its own, so
one load tries them all. Over TLS and HTTP/2 nginx stands before the stub.
"""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from rich.console import Console
from rich.text import Text

from loadtests.accounts.verdict import Status
from loadtests.experiments.calibration import record
from loadtests.experiments.calibration.record import CalibrationRow, ErrorQuantiles, errors_ms, row_of
from loadtests.experiments.calibration.stub_room import StubLog
from loadtests.harness.children import NotMeasured, running
from loadtests.harness.cores import Cores, choose, reserved
from loadtests.harness.distance import ClientAddresses
from loadtests.harness.measurement import measure
from loadtests.harness.restarts import FixedServer, RunningServers
from loadtests.harness.server_probe import READY_S, Probe, Server
from loadtests.harness.tls_proxy import proxied
from loadtests.plan.workload import PLAIN, Workload
from loadtests.scenarios import Planned
from loadtests.targets.target import OurServers
from results import terminal
from results.schema import SAMPLES_MIN
from results.terminal import FittedTable, TableColumn, TableRow, note
from servers.deploy.child_process import OnTick, python_module
from servers.transports import Transport

POLL_S = 1.0


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
    console = terminal.console()
    cores = choose()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    workloads = [Workload(users=count, measured_s=seconds, poll_interval_s=POLL_S, link=link) for count in users]
    with reserved(cores, console.print):
        try:
            rows = _measure_rows(console, transports, workloads, delays_ms, cores)
        except NotMeasured as error:
            console.print(str(error), style="red", markup=False)
            return 1
    print_rows(console, rows, transports)
    loads = {"users": list(users), "delays_ms": list(delays_ms), "measured_s": seconds}
    loads |= {"poll_interval_s": POLL_S, "link": link}
    console.print(f"Written to {record.write(rows, loads, out)}")
    return 0


def _measure_rows(
    console: Console,
    transports: Sequence[Transport],
    workloads: Sequence[Workload],
    delays_ms: Sequence[float],
    cores: Cores,
) -> list[CalibrationRow]:
    """Calibrate each transport under each load, and show the current one; raises NotMeasured at the first failure."""
    rows = []
    with console.status("", spinner="line") as status:
        for load in workloads:
            for transport in transports:
                current = f"{transport.label}, {load.users} users"
                status.update(current)
                if not console.is_terminal:  # where a status is not shown
                    console.print(f"{current} ...")
                try:
                    rows.append(_calibrate(transport, load, delays_ms, cores))
                except (NotMeasured, OSError, psutil.Error) as error:
                    raise NotMeasured(f"{transport.label} could not be calibrated: {error}") from error
    return rows


def _calibrate(transport: Transport, load: Workload, delays_ms: Sequence[float], cores: Cores) -> CalibrationRow:
    """Calibrate for one transport under one load; raises NotMeasured if the deliveries do not add up."""
    with TemporaryDirectory(prefix="calibration-") as name:
        log = Path(name, "stub.log")
        cell = measure(Planned(transport, "calibration", load), cores, lambda _: None, Stub(delays_ms, log))
        if not cell.verdict.adds_up:
            raise NotMeasured(cell.verdict.reason)
        errors = errors_ms(cell.deliveries, StubLog.read(log), delays_ms)
    return row_of(transport.slug, load.users, cell.verdict.status, errors)


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
            "If something else kept the machine busy, calibrate again when it is quiet."
        )
        console.print(note(lagged), style="yellow")


def _table_row(row: CalibrationRow, label: str, delays: Sequence[str]) -> TableRow:
    errors = [_p50_p99(row.by_delay[delay]) if delay in row.by_delay else "-" for delay in delays]
    verdict = Text(row.verdict, style="green" if row.verdict == Status.VALID else "yellow")
    return TableRow((label, str(row.users), f"{row.overall.n:,}", *errors, _p50_p99(row.overall), verdict))


def _p50_p99(error: ErrorQuantiles) -> str:
    return f"{error.p50_ms:.1f}/{error.p99_ms:.1f}" if error.n >= SAMPLES_MIN[99] else f"{error.p50_ms:.1f}/-"
