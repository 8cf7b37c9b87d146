"""`python -m loadtests calibrate`: drive a stub with known delays, and state the load generator's own error.

Teaches that the instrument is calibrated as it is used: the same Locust files, processes, cores, samples and accounting
as in a comparison, with only the server exchanged. Every room has a delay of its own, so one load tries them all.
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
from loadtests.experiments.calibration.error import Error, misses
from loadtests.experiments.calibration.notes import Notes
from loadtests.experiments.calibration.record import Row, summed_up
from loadtests.experiments.calibration.stub import speaks
from loadtests.harness import cores
from loadtests.harness.children import Look, NotMeasured, running
from loadtests.harness.distance import Way
from loadtests.harness.measurement import measure
from loadtests.harness.server_probe import READY_S, Server
from loadtests.plan.workload import Workload
from loadtests.scenarios import Planned
from loadtests.targets.process_probe import ProcessProbe
from loadtests.targets.target import FixedServer, OurServers, RunningServers
from results import terminal
from results.fitted_table import FittedTable, TableColumn, TableRow
from results.terminal import note
from servers.deploy.child_process import python_module
from servers.transports import TRANSPORTS, Transport

SLUGS = [row.slug for row in TRANSPORTS if speaks(row)]
POLL_S = 1.0
P50_GOAL_MS = 1.5
P99_GOAL_MS = 6.0


@dataclass(frozen=True, slots=True)
class Stub(OurServers):
    """The subject of a calibration: our own Locust files, against a server whose every delay is known."""

    delays_ms: Sequence[float]
    notes: Path

    @contextmanager
    def serving(
        self, transport: Transport, workload: Workload, cores: cores.Cores, folder: Path, look: Look
    ) -> Iterator[tuple[RunningServers, Way]]:
        delays = ",".join(f"{delay:g}" for delay in self.delays_ms)
        command = python_module(
            "loadtests.experiments.calibration.stub", transport.slug, "--delays", delays, "--notes", str(self.notes)
        )
        with running(command, cores.servers, folder / "stub.log") as child:
            told = child.next_line(READY_S, look)
            server = Server(told["address"], "", told["pids"], {"delays_ms": list(self.delays_ms)})
            yield FixedServer(server), Way(server.address, "")

    def probe(self, transport: Transport, server: Server, generator_pid: int) -> ProcessProbe:
        return ProcessProbe(server, generator_pid)


def load_of(users: int, measured_s: float) -> Workload:
    """Return the load of a calibration: a conversation, with pollers that ask a little more often."""
    return Workload(users=users, measured_s=measured_s, poll_interval_s=POLL_S)


def calibrate(
    transports: Sequence[Transport], users: Sequence[int], delays_ms: Sequence[float], seconds: float, out: Path
) -> int:
    """Measure, print and put on record; return the exit status, which the size of the error does not change."""
    console, placement = terminal.console(), cores.choose()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rows: list[Row] = []
    with cores.reserved(placement, console.print), console.status("", spinner="line") as status:
        for count in users:
            for transport in transports:
                status.update(doing := f"{transport.label}, {count} users")
                if not console.is_terminal:  # where a status would not be seen
                    console.print(f"{doing} ...")
                try:
                    rows.append(_calibrated(transport, load_of(count, seconds), delays_ms, placement))
                except (NotMeasured, OSError, psutil.Error) as error:
                    console.print(f"{transport.label} could not be calibrated: {error}", style="red", markup=False)
                    return 1
    print_rows(console, rows, transports)
    asked = {"users": list(users), "delays_ms": list(delays_ms), "measured_s": seconds, "poll_interval_s": POLL_S}
    console.print(f"Written to {record.write(rows, asked, out)}")
    return 0


def _calibrated(transport: Transport, load: Workload, delays_ms: Sequence[float], placement: cores.Cores) -> Row:
    """Calibrate for one transport under one load; raises NotMeasured if the deliveries do not add up."""
    with TemporaryDirectory(prefix="calibration-") as name:
        notes = Path(name, "stub.notes")
        cell = measure(Planned(transport, "calibration", load), placement, lambda _: None, Stub(delays_ms, notes))
        if not cell.verdict.adds_up:
            raise NotMeasured(cell.verdict.reason)
        return summed_up(
            transport.slug, load.users, cell.verdict.status, misses(cell.deliveries, Notes.read(notes), delays_ms)
        )


def print_rows(console: Console, rows: Sequence[Row], transports: Sequence[Transport]) -> None:
    """Print the table, and what follows from it."""
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
    if disturbed := [row for row in rows if row.verdict != Status.VALID]:
        lagged = (
            f"In {len(disturbed)} of {len(rows)} rows the generator lagged beyond what a comparison accepts. "
            "If something else kept the machine busy, calibrate again when it is quiet."
        )
        console.print(note(lagged), style="yellow")
    most = max(row.users for row in rows)
    worst = [row.overall for row in rows if row.users == most]
    met = max(each.p50_ms for each in worst) <= P50_GOAL_MS and max(each.p99_ms for each in worst) <= P99_GOAL_MS
    goal = f"p50 within {P50_GOAL_MS:g} ms and p99 within {P99_GOAL_MS:g} ms at {most} users"
    console.print(f"Goal: {goal}: {'met' if met else 'missed'}.", style="green" if met else "yellow")


def _table_row(row: Row, label: str, delays: Sequence[str]) -> TableRow:
    errors = [_told(row.by_delay[delay]) if delay in row.by_delay else "-" for delay in delays]
    verdict = Text(row.verdict, style="green" if row.verdict == Status.VALID else "yellow")
    return TableRow((label, str(row.users), f"{row.overall.n:,}", *errors, _told(row.overall), verdict))


def _told(error: Error) -> str:
    return f"{error.p50_ms:.1f}/{error.p99_ms:.1f}"
