"""What the comparison shows in the terminal: a bar while it runs, a table at the end, and how to read it.

Teaches nothing new; it must only be honest and clear. Each transport has two lines, what was measured and what theory
predicted. Colours are the registry's; without a terminal everything is plain text.
"""

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from time import perf_counter

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from loadtests.calibration.record import on_record
from loadtests.cell import Cell
from loadtests.manifest import label
from loadtests.predictions import predict
from loadtests.scenarios import Scenario
from loadtests.verdict import Word

WIDE = 95  # columns; below, the longest label takes two lines
START_STOP_S = 6.0  # what starting and stopping takes, about; for the time left
MEASURED = ("p50\nms", "p95\nms", "p99\nms", "requests\n/ msg", "bytes\n/ msg", "CPU ms\n/ msg", "empty\nanswers")
VERDICT_STYLES = {Word.VALID: "green", Word.SUSPECT: "yellow", Word.VOID: "bold red"}
HOW_TO_READ = (
    "Latency runs from the moment a message was meant to be sent until a member of its room has it: half of the "
    "deliveries were faster than p50, and one in a hundred slower than p99.",
    "The next three columns are the price of one delivery: HTTP requests, bytes on the wire and server CPU time, each "
    "divided by the messages delivered; empty answers are the reads that brought nothing.",
    "Each second line is what arithmetic predicts: a poller learns of news half an interval late on average, while a "
    "push on one machine takes next to nothing, so what you see there is the software itself.",
)


class Bar:
    """The progress of a comparison, by the clock: what is being done, and about how long all of it will take."""

    def __init__(self, console: Console, scenario: Scenario, transports: int) -> None:
        self._each_s = START_STOP_S + scenario.load_s + scenario.poll_interval_s
        columns = (TextColumn("{task.description:<48}"), BarColumn(), TextColumn("{task.fields[left]}"))
        self._progress = Progress(*columns, console=console, transient=True, auto_refresh=False)
        self._task = self._progress.add_task("", total=self._each_s * transports, left="")
        self._total_s = self._each_s * transports
        self._done = 0
        self._since_s = perf_counter()

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, doing: str) -> None:
        """Show what is being done."""
        spent_s = min(perf_counter() - self._since_s, self._each_s)
        completed_s = self._done * self._each_s + spent_s
        minutes, seconds = divmod(round(self._total_s - completed_s), 60)
        self._progress.update(
            self._task, completed=completed_s, description=doing, left=f"{minutes}:{seconds:02} left", refresh=True
        )

    def next_transport(self) -> None:
        """Go on to the next transport."""
        self._done += 1
        self._since_s = perf_counter()


def print_cells(console: Console, cells: Sequence[Cell], scenario: Scenario) -> None:
    """Print the table, and beneath it how to read it."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("transport", min_width=13, max_width=32)
    for heading in (*MEASURED, "came\nof due"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for cell in cells:
        _add_rows(table, cell, scenario, "\n" if console.width < WIDE else " ")
    console.print(f"\n{_title(scenario)}\n")
    console.print(table)
    console.print()
    for cell in cells:
        if reason := cell.verdict.reason:
            console.print(f"{label(cell.transport)} is {cell.verdict.word}: {reason}", markup=False)
    for sentence in HOW_TO_READ:
        console.print(sentence)


def _add_rows(table: Table, cell: Cell, scenario: Scenario, break_label_with: str) -> None:
    """Add what was measured, faint if it is void, and what theory says."""
    word = cell.verdict.word
    name = Text(label(cell.transport).replace(" (", f"{break_label_with}("), style=f"bold {cell.transport.colour}")
    came, due = (f"{cell.number(column):,.0f}" for column in ("delivered", "expected"))
    style = "dim" if word is Word.VOID else ""
    table.add_row(name, *_measured(cell), came, Text(word, style=VERDICT_STYLES[word]), style=style)
    table.add_row("  theory", *_predicted(cell, scenario), due, "", style="dim", end_section=True)


def print_files(console: Console, folder: Path, charts: Sequence[str]) -> None:
    """Print what is not claimed, and where everything is."""
    console.print(on_record(folder.parent), markup=False)
    console.print(f"\nEverything is in {folder}/")
    for chart in charts:
        console.print(f"  {Path(chart).name}")


def print_outcome(console: Console, cell: Cell) -> None:
    """Print one line about a finished measurement, where no bar can be shown."""
    if not console.is_terminal:
        came, due = cell.number("delivered"), cell.number("expected")
        console.print(f"{label(cell.transport)}: {came:,.0f} of {due:,.0f} deliveries, {cell.verdict.word}")


def _title(scenario: Scenario) -> str:
    return (
        f"{scenario.users} users in rooms of {scenario.room_size}, {scenario.rate_per_s:g} messages a second each, "
        f"{scenario.measured_s:g} s measured, a poll every {scenario.poll_interval_s:g} s"
    )


def _measured(cell: Cell) -> list[str]:
    if not cell.verdict.adds_up:
        return [""] * len(MEASURED)
    reads = cell.number("requests_receive")
    return [
        *(f"{cell.latency_ms(percent):,.0f}" for percent in (50, 95, 99)),
        _told(cell.per_delivery("requests_send", "requests_receive", "requests_upkeep"), ".2f"),
        _told(cell.per_delivery("server_up_bytes", "server_down_bytes", "publish_bytes"), ",.0f"),
        _told(1000 * cell.per_delivery("api_cpu_s", "push_service_cpu_s"), ".2f"),
        _told(cell.number("empty_answers") / reads, ".1%") if reads else "no reads",
    ]


def _told(figure: float, layout: str) -> str:
    """Return a figure laid out; a dash for one that the server does not tell."""
    return "-" if isnan(figure) else format(figure, layout)


def _predicted(cell: Cell, scenario: Scenario) -> list[str]:
    if not cell.verdict.adds_up:
        return [""] * len(MEASURED)
    prediction = predict(cell, scenario)
    requests, empty = prediction.requests_per_delivery, prediction.empty_share
    if cell.settings.get("peer"):  # the derivations are those of our own protocol
        requests = empty = None
    return [
        *(f"{prediction.latency_ms(percent):,.0f}" for percent in (50, 95, 99)),
        "" if requests is None else f"{requests:.2f}",
        "",
        "",
        "" if empty is None else f"{empty:.1%}",
    ]
