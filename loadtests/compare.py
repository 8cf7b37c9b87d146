"""The comparison: each transport in turn under the same seeded load, kept, drawn and told.

Teaches that keeping comes first: every cell is on disk before the next one starts, so Ctrl-C, or a transport that
fails, costs only itself. The charts are drawn by the notebooks' code in a process of its own: the two folders meet only
in the files of the run.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
from rich.console import Console

from loadtests import cores, manifest, report
from loadtests.cell import Cell
from loadtests.children import NotMeasured
from loadtests.measurement import measure
from loadtests.run_folder import RunFolder
from loadtests.scenarios import Scenario
from loadtests.subjects import OurServers, Subject
from loadtests.verdict import Word
from servers.transports import Transport

FAILED = 1
INTERRUPTED = 130
CHARTS_S = 120.0


def compare_transports(
    scenario: Scenario, chosen: Sequence[Transport], out: Path, subject: Subject | None = None
) -> int:
    """Measure, keep, draw and print; return the exit status. Raises OSError if the run's folder cannot be made."""
    console, placement, subject = Console(highlight=False), cores.choose(), subject or OurServers()
    described = manifest.describe(scenario, [row.slug for row in chosen], placement)
    folder = RunFolder(out, scenario.name, described | {"peer": subject.dialect})
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that children are ended in order then, too
    cells: list[Cell] = []
    try:
        with report.Bar(console, scenario, len(chosen)) as bar, cores.pinned(placement.generator):
            for row in chosen:
                cells += _measured(row, scenario, placement, subject, folder, bar, console)
                bar.next_transport()
        folder.complete()
    except KeyboardInterrupt:
        console.print("Interrupted: the transports that were finished are kept, and the run is marked as partial.")
    if cells:
        report.print_cells(console, cells, scenario)
        if subject.manner:
            console.print(subject.manner)
        report.print_files(console, folder.path, _charts(folder.path, console))
    if folder.partial:
        return INTERRUPTED
    return 0 if len(cells) == len(chosen) and all(cell.verdict.adds_up for cell in cells) else FAILED


def _measured(
    row: Transport,
    scenario: Scenario,
    placement: cores.Cores,
    subject: Subject,
    folder: RunFolder,
    bar: report.Bar,
    console: Console,
) -> list[Cell]:
    """Measure one transport and keep it; say so, and return nothing, if that cannot be done."""
    try:
        cell = measure(row, scenario, placement, bar.tell, subject)
    except (NotMeasured, OSError, psutil.Error) as error:
        folder.note_verdict(row.slug, Word.VOID, f"not measured: {error}")
        console.print(f"{manifest.label(row)} could not be measured: {error}", style="red", markup=False)
        return []
    folder.add(cell)
    report.print_outcome(console, cell)
    return [cell]


def _charts(folder: Path, console: Console) -> list[str]:
    """Have the charts drawn, and return their paths; say so, and return none, if that fails."""
    command = [sys.executable, "-m", "notebooks.analysis", "charts", str(folder)]
    try:
        drawn = subprocess.run(command, capture_output=True, text=True, check=True, timeout=CHARTS_S)
    except subprocess.SubprocessError as error:
        words = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        console.print(f"The charts could not be drawn; the results are kept.\n{words.strip()}", markup=False)
        return []
    return drawn.stdout.splitlines()
