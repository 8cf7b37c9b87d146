"""What the comparison shows in the terminal: a progress bar while it runs, a table at the end, and how to read it.

Each transport has two lines, what was measured and what theory predicts. Colours are the registry's; without a terminal
everything is plain text.
"""

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from loadtests.accounts.cell import Cell
from loadtests.accounts.predictions import predict, predicted_latency_ms
from loadtests.accounts.verdict import Status
from loadtests.experiments.calibration.record import on_record
from loadtests.harness.manifest import label, push_service
from loadtests.plan.workload import CHARTS_S, H2
from loadtests.reports.cell_notes import print_kinds, print_notes
from loadtests.scenarios import SCENARIOS, Planned, Scenario
from results.schema import SAMPLES_MIN, SERVERS_CPU
from results.terminal import FittedTable, TableColumn, TableRow, columns_of, note
from servers.transports import RENTED

COLUMNS = columns_of("comparison")
NOT_MEASURED = [""] * (len(COLUMNS) - 3)  # all but the transport, what came, and the verdict
VERDICT_STYLES = {Status.VALID: "green", Status.SUSPECT: "yellow", Status.VOID: "bold red"}
PREVIEW_LABEL = "PREVIEW, not a measurement (make compare without --quick measures)"
HOW_TO_READ = (
    "Latency runs from the scheduled moment of sending a message until a member of its room has it: half of the "
    "deliveries were faster than p50, and one in a hundred slower than p99.",
    "Requests, bytes and CPU are the price of one delivery: HTTP requests, bytes on the wire and server CPU time, "
    "each divided by the messages delivered; empty answers are the reads that brought nothing.",
    "Each second line is a prediction: a poller receives a message half an interval late on average, while a "
    "push takes no longer than its transit; on one machine that is nothing, and what you see is the software itself.",
)

WEBSOCKETS_NOTE = (
    "Over HTTP/2, all requests of a user share one connection. A WebSocket has one of its own, over TLS with HTTP/1.1, "
    "as in browsers: neither uvicorn nor nginx offers WebSockets over HTTP/2 (RFC 8441)."
)
P99_WARNING = (
    f"A p99 of fewer than {SAMPLES_MIN[99]:,} deliveries rests on fewer than ten of them: read it as a guess.\n"
)
RENTED_NOTE = (
    "The rented push service's own CPU time, and the bytes between the API and it, are not counted: they cannot be "
    "measured from here."
)


class Bar(Progress):
    """The progress of a comparison, by the clock: what is being done, and about how long all of it will take."""

    def __init__(self, console: Console, plan: Sequence[Planned]) -> None:
        columns = (TextColumn("{task.description:<54}"), BarColumn(), TimeRemainingColumn(compact=True))
        super().__init__(*columns, console=console, transient=True, auto_refresh=False)
        self._count = len(plan)
        self._begun = 0
        self._done_s = 0.0
        self._planned_s = 0.0  # how long the present measurement was expected to take
        self._since_s = perf_counter()
        self._task = self.add_task("", total=_about_s(plan))

    def show(self, doing: str) -> None:
        """Show what is being done."""
        spent_s = min(perf_counter() - self._since_s, self._planned_s)
        self.update(self._task, completed=self._done_s + spent_s, description=doing, refresh=True)

    def extend(self, plan: Sequence[Planned]) -> None:
        """Add measurements that are made again."""
        self._count += len(plan)
        self.update(self._task, total=(self.tasks[0].total or 0.0) + _about_s(plan))

    def begin(self, planned: Planned) -> None:
        """Go on to the next measurement."""
        self._done_s += self._planned_s
        self._planned_s = planned.about_s
        self._since_s = perf_counter()
        self._begun += 1
        if not self.console.is_terminal:  # where a bar would not be seen
            place = f"{self._begun} of {self._count}"
            self.console.print(f"{place}: measuring {planned.label(label(planned.transport))} ...", markup=False)


def print_plan(console: Console, plan: Sequence[Planned], scenario: Scenario) -> None:
    """Print what is about to be measured, and about how long it takes."""
    names = ", ".join(dict.fromkeys(label(planned.transport) for planned in plan))
    measured = "Previewed, not measured," if scenario.preview else "Measured"
    console.print(note(f"{scenario.question} {measured} one after the other: {names}."))
    print_duration(console, plan, [scenario])


def print_duration(console: Console, plan: Sequence[Planned], scenarios: Sequence[Scenario]) -> None:
    """Print which transports are left out, and about how long the measurements take."""
    for scenario in scenarios:
        if scenario.leaves_out:
            console.print(note(f"The scenario {scenario.name} leaves out {scenario.leaves_out}."))
    minutes, seconds = divmod(round(CHARTS_S + _about_s(plan)), 60)
    console.print(note(f"This takes about {minutes} min {seconds:02} s. Ctrl-C stops it and keeps what is finished."))


def _about_s(plan: Sequence[Planned]) -> float:
    return sum(planned.about_s for planned in plan)


def print_cells(console: Console, cells: Sequence[Cell], scenario: Scenario) -> None:
    """Print a table for each load, and below the tables how to read them."""
    for load in scenario.workloads:
        heading = PREVIEW_LABEL if scenario.preview else load.point
        console.print(note(f"\n{heading + ': ' if heading else ''}{load.summary}\n"))
        of_load = [cell for cell in cells if cell.planned.workload == load]
        console.print(FittedTable(COLUMNS, [row for cell in of_load for row in _rows(cell)]))
        print_kinds(console, of_load)
    console.print()
    if any(0 < cell.number("delivered") < SAMPLES_MIN[99] for cell in cells):
        console.print(note(P99_WARNING), style="yellow")
    print_notes(console, cells)
    sentences = list(HOW_TO_READ)
    if push_service() == RENTED and any(cell.transport.needs_push_service for cell in cells):
        sentences.append(RENTED_NOTE)
    if H2 in scenario.links:
        sentences.append(WEBSOCKETS_NOTE)
    for sentence in sentences:
        console.print(note(f"{sentence}\n"))


def print_scenarios(console: Console) -> None:
    """Print what can be measured: the names, the questions and the loads."""
    columns = (TableColumn("scenario", text=True), TableColumn("question and loads", text=True, min_width=30))
    console.print(FittedTable(columns, [_described(row) for row in SCENARIOS]))


def _described(scenario: Scenario) -> TableRow:
    first, *others = scenario.workloads
    loads = f"{first.point + ': ' if first.point else ''}{first.summary}"
    loads += "".join(f"\nthen {load.point}" for load in others)
    text = Text.assemble(scenario.question, (f"\n{loads}", "dim"))
    return TableRow((Text(scenario.name, style="bold"), text), ends_section=True)


def _rows(cell: Cell) -> tuple[TableRow, TableRow]:
    """Return what was measured, faint if it is void, and what theory predicts."""
    status = cell.verdict.status
    name = Text(label(cell.transport), style=f"bold {cell.transport.colour}")
    delivered, expected = (f"{cell.number(column):,.0f}" for column in ("delivered", "expected"))
    figures, predicted = (_measured(cell), _predicted(cell)) if cell.verdict.adds_up else (NOT_MEASURED, NOT_MEASURED)
    measured: tuple[str | Text, ...] = (name, *figures, delivered, Text(status, style=VERDICT_STYLES[status]))
    return (
        TableRow(measured, style="dim" if status is Status.VOID else ""),
        TableRow(("  theory", *predicted, expected, ""), style="dim", ends_section=True),
    )


def print_files(console: Console, folder: Path, charts: Sequence[str], links: Sequence[str]) -> None:
    """Print the generator's own error over each link, where the files are, and the address of a page."""
    for link in links:
        console.print(on_record(folder.parent, link), markup=False)
    console.print(f"\nEverything is in {folder}/")
    for chart in charts:
        console.print(f"  {Path(chart).name}")
        if chart.endswith(".html"):
            console.print(f"Change a number and see: {Path(chart).resolve().as_uri()}", soft_wrap=True)


def print_outcome(console: Console, cell: Cell) -> None:
    """Print one line about a finished measurement; in a terminal it stays above the bar."""
    name = cell.planned.label(label(cell.transport))
    delivered, expected = cell.number("delivered"), cell.number("expected")
    late = f"p50 {cell.latency_ms(50):,.0f} ms, p95 {cell.latency_ms(95):,.0f} ms, " if cell.messages else ""
    console.print(f"{name}: {delivered:,.0f} of {expected:,.0f} deliveries, {late}{cell.verdict.status}")


def _measured(cell: Cell) -> list[str]:
    reads = cell.number("requests_receive")
    return [
        *(f"{cell.latency_ms(percent):,.0f}" for percent in (50, 95, 99)),
        _formatted(cell.per_delivery("requests_send", "requests_receive", "requests_upkeep"), ".2f"),
        _formatted(cell.bytes_per_delivery, ",.0f"),
        _formatted(1000 * cell.per_delivery(*SERVERS_CPU), ".2f"),
        _formatted(cell.number("empty_answers") / reads, ".1%") if reads else "no reads",
    ]


def _formatted(figure: float, layout: str) -> str:
    """Return a figure as text; a dash for one that the server does not count."""
    return "-" if isnan(figure) else format(figure, layout)


def _predicted(cell: Cell) -> list[str]:
    prediction = predict(cell)
    return [
        *(f"{predicted_latency_ms(cell, percent):,.0f}" for percent in (50, 95, 99)),
        f"{prediction.requests_per_delivery:.2f}",
        "",
        "",
        "" if prediction.empty_share is None else f"{prediction.empty_share:.1%}",
    ]
