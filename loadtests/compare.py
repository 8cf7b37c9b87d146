"""The comparison: each transport in turn under the same seeded loads; results are kept, charted and printed.

Teaches to write results at once: every cell is on disk before the next one starts, so Ctrl-C, or a transport that
fails, loses only the cell being measured. The notebooks' code draws the charts, in a process of its own, since load
tests and notebooks share nothing but the files of a run.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import psutil

from loadtests.accounts.cell import Cell
from loadtests.accounts.verdict import Status, Verdict
from loadtests.harness import cores, manifest
from loadtests.harness.children import NotMeasured
from loadtests.harness.measurement import measure
from loadtests.reports import report
from loadtests.reports.run_folder import RunFolder, new_folder
from loadtests.scenarios import Key, Planned, Scenario, full_plan, still_due
from loadtests.targets.target import OurServers
from results import terminal
from servers.transports import Transport

FAILED = 1
INTERRUPTED = 130  # as a shell has it: 128 + SIGINT
ANALYSIS_S = 120.0  # for charts that take seconds
ATTEMPTS_MAX = 3
REPEATED_MAX = 0.1
"""Of a full run: how often one cell is measured while the machine is slow, and for which share of cells at most."""

INTERRUPTED_WITH = "Interrupted: what was finished is kept, and the run is marked as partial."
INTERRUPTED_WITHOUT = "Interrupted before the first transport was finished: nothing is kept."


def compare_transports(
    scenario: Scenario, chosen: Sequence[Transport], out: Path, target: OurServers | None = None, generators: int = 1
) -> int:
    """Measure a scenario once, keep, draw and print; return the exit status. Raises OSError if nothing can be kept."""
    plan = scenario.planned(chosen)
    run = Run([scenario], chosen, new_folder(out, scenario.name), target, generators)
    report.print_plan(run.console, plan, scenario)
    if cells := list(run.measure(plan)):
        cells = [replace(cell, verdict=run.slow.get(cell.planned.key, cell.verdict)) for cell in cells]
        report.print_cells(run.console, cells, scenario)
        if run.target.caveat:
            run.console.print(run.target.caveat)
        has_charts = len(scenario.workloads) == 1 and any(cell.verdict.status is not Status.VOID for cell in cells)
        charts = run.analyse("charts") if has_charts else []
        report.print_files(run.console, run.folder.path, charts, scenario.links)
    return run.status


def compare_in_full(
    scenarios: Sequence[Scenario],
    chosen: Sequence[Transport],
    path: Path,
    target: OurServers | None = None,
    generators: int = 1,
) -> int:
    """Measure every scenario, with repeats, and summarise; return the exit status.

    Resumes the run that is in the folder. Raises OSError if nothing can be kept, ValueError if it is another run.
    """
    run = Run(scenarios, chosen, path, target, generators)
    plan = full_plan(scenarios, chosen)
    report.print_duration(run.console, plan, scenarios)
    for _ in run.measure(plan, {row.name: row.samples for row in scenarios}):
        pass  # kept on disk: a full run is too long to be held in memory as well
    if run.is_empty:
        return run.status
    for line in run.analyse("summary"):
        run.console.print(line, markup=False, soft_wrap=True)
    links = dict.fromkeys(link for scenario in scenarios for link in scenario.links)
    report.print_files(run.console, run.folder.path, run.analyse("explore"), list(links))
    return run.status


class Run:
    """Measurements that go into one folder: of our servers, if no other target is given.

    slow: once all is measured, the new verdicts of cells that are suspect because the machine was slow. is_empty:
    whether it was interrupted before anything was kept, so that its folder is gone.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        chosen: Sequence[Transport],
        path: Path,
        target: OurServers | None,
        generators: int,
    ) -> None:
        self.console = terminal.console()
        self.target = target or OurServers()
        self._placement = cores.choose(generators)
        self._generators = generators
        self.is_empty = self._interrupted = self._analysis_failed = False
        self.slow: Mapping[Key, Verdict] = {}
        described = manifest.describe(scenarios, [row.slug for row in chosen], self._placement)
        self.folder = RunFolder(path, described | {"generators": generators, **self.target.facts})

    @property
    def status(self) -> int:
        """The exit status."""
        if self._interrupted:
            return INTERRUPTED
        failed = self.folder.partial or not self.folder.adds_up or self._analysis_failed
        return FAILED if failed else 0

    def measure(self, plan: Sequence[Planned], samples: Mapping[str, int] | None = None) -> Iterator[Cell]:
        """Yield each cell once it is kept; after Ctrl-C, end, and leave the run marked as partial.

        samples: of a full run, how many deliveries to keep of each cell, by scenario. In a full run a cell for which
        the machine was slow is measured again, once its repeat of the scenario is over.
        """
        for number in (signal.SIGINT, signal.SIGTERM):  # also if our parent ignores them: we must end our children
            signal.signal(number, signal.default_int_handler)
        try:
            with cores.reserved(self._placement, self.console.print), report.Bar(self.console, plan) as bar:
                for _, block in groupby(plan, lambda planned: (planned.repeat, planned.scenario)):
                    due = (planned for planned in block if still_due([planned], self.folder.done))
                    yield from self._kept(due, samples, bar)
                    while samples and (again := self._measured_while_slow(plan)):
                        bar.extend(again)
                        yield from self._kept(again, samples, bar)
                        yield from self._kept(self._freed(plan, again), samples, bar)
            self.slow = self.folder.note_slow(plan)
            if not still_due(plan, self.folder.done):
                self.folder.complete()
        except KeyboardInterrupt:
            self._interrupted = True
            self.is_empty = self.folder.discard_if_empty()
            self.console.print(INTERRUPTED_WITHOUT if self.is_empty else INTERRUPTED_WITH)

    def _kept(self, block: Iterable[Planned], samples: Mapping[str, int] | None, bar: report.Bar) -> Iterator[Cell]:
        """Measure, keep and print each planned cell; yield those that could be measured."""
        for planned in block:
            bar.begin(planned)
            if cell := self._cell_of(planned, bar):
                self.folder.add(cell, (samples or {}).get(planned.scenario))
                report.print_outcome(self.console, cell)
                yield cell

    def _measured_while_slow(self, plan: Sequence[Planned]) -> list[Planned]:
        """Return the measurements to repeat, within ATTEMPTS_MAX and REPEATED_MAX."""
        attempts = self.folder.attempts
        slow = self.folder.slow_cells()
        repeated = sum(attempts.values()) - len(attempts)
        again = [planned for planned in plan if planned.key in slow and attempts[planned.key] < ATTEMPTS_MAX]
        return again[: max(0, int(REPEATED_MAX * len(plan)) - repeated)]

    def _freed(self, plan: Sequence[Planned], again: Sequence[Planned]) -> Iterator[Planned]:
        """Yield the larger loads that are due now: of those measured again, a limit met on a slow machine is gone."""
        keys = {planned.key for planned in again}
        for planned in plan:
            if keys.intersection(planned.smaller) and still_due([planned], self.folder.done):
                yield planned

    def analyse(self, what: str) -> list[str]:
        """Run `notebooks.analysis` on the run; return what it printed, nothing if it failed."""
        command = [sys.executable, "-m", "notebooks.analysis", what, str(self.folder.path)]
        environment = {**os.environ, "COLUMNS": str(self.console.width), "PYTHONIOENCODING": "utf-8"}
        try:
            done = subprocess.run(
                command, capture_output=True, encoding="utf-8", check=True, timeout=ANALYSIS_S, env=environment
            )
        except subprocess.SubprocessError as error:
            reason = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
            self.console.print(f"The {what} could not be made; the results are kept.\n{reason.strip()}", markup=False)
            self._analysis_failed = True
            return []
        return done.stdout.splitlines()

    def _cell_of(self, planned: Planned, bar: report.Bar) -> Cell | None:
        """Make one measurement; if that cannot be done, print why, and return None."""
        try:
            return measure(planned, self._placement, bar.show, self.target, self._generators)
        except (NotMeasured, OSError, psutil.Error) as error:
            self.folder.add_failure(planned, error)
            name = planned.label(manifest.label(planned.transport))
            self.console.print(f"{name} could not be measured: {error}", style="red", markup=False)
            return None
