"""Where Locust calls us, and carries our messages: a test's start, and its end.

Teaches what is whose. A process with users has a Load; the one that leads has a Coordinator; a single process has both.
`locust --processes N`, or `--master` and `--worker` on several machines, make several: Locust's runners then carry the
messages between them, and, once its users have stopped, every worker's samples to the master, which merges them.
"""

import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.accounts.merging import merged
from loadtests.accounts.samples import Samples
from loadtests.plan.hosts import how_to_start
from loadtests.users.coordinator import FINISH_S, LOOK_S, Coordinator
from loadtests.users.options import add_options, locust_file_of, problem_with, workload_of
from loadtests.users.phases import Load
from loadtests.users.progress import JsonPhases, Sentences
from loadtests.users.web_page import extend_web_page

TO_CONDUCTOR = ("joined", "not joined", "spoken", "heads", "caught up", "finished", "live")
SAMPLES = "samples"
PRINTER = logging.getLogger("locust.stats_logger")  # as Locust prints its own tables, without a time before each line


class Test:
    """The test of this process, if one runs. set_load gives its users what they share."""

    def __init__(self, set_load: Callable[[Load], None]) -> None:
        self._set_load = set_load
        self._load: Load | None = None
        self._conductor: Coordinator | None = None
        self._parts: list[Samples] = []
        self._generators = 1
        self._unprinted: Coordinator | None = None

    def install(self) -> None:
        """Have Locust call."""
        events.init_command_line_parser.add_listener(add_options)
        events.init.add_listener(self.listen)
        events.test_start.add_listener(self.begin)
        events.spawning_complete.add_listener(self.note_spawned)
        events.test_stopping.add_listener(self.end)
        events.report_to_master.add_listener(self.send_samples)
        events.worker_report.add_listener(self.take_samples)
        events.quitting.add_listener(self.write_samples)
        events.quit.add_listener(self.print_summary)

    def listen(self, environment: Environment, **_: Any) -> None:
        """Take part in the messages, each on its side; exits if the command line asks for what cannot be."""
        assert environment.runner is not None
        if not isinstance(environment.runner, WorkerRunner):
            check_command_line(environment)
            for what in TO_CONDUCTOR:
                environment.runner.register_message(what, partial(self._tell_coordinator, what))
        if not isinstance(environment.runner, MasterRunner):
            for what, act in (
                ("begin", Load.begin), ("tell heads", Load.tell_heads), ("catch up", Load.catch_up),
                ("finish", Load.finish),
            ):  # fmt: skip
                environment.runner.register_message(what, partial(self._tell_load, act))
        if environment.web_ui:
            extend_web_page(environment, lambda: self._conductor)

    def begin(self, environment: Environment, **_: Any) -> None:
        """Make what a test consists of here, before its first user exists."""
        options, runner = vars(environment.parsed_options), environment.runner
        workload, for_parent = workload_of(options), options["json_phases"]
        self._load = self._conductor = None
        self._parts.clear()
        if isinstance(runner, MasterRunner):
            workers = [*runner.clients.ready, *runner.clients.spawning, *runner.clients.running]
            options["ranks"] = {worker.id: rank for rank, worker in enumerate(workers)}
            options["generators"] = len(workers)  # which the workers are told when they start
        self._generators = options["generators"]
        if not isinstance(runner, WorkerRunner):
            progress, advice = (
                JsonPhases() if for_parent else Sentences(workload),
                how_to_start(locust_file_of(environment)),
            )
            self._conductor = Coordinator(environment, workload, self._generators, progress, advice)
            self._unprinted = None if for_parent else self._conductor
        if not isinstance(runner, MasterRunner):
            rank = options["ranks"].get(runner.client_id) if isinstance(runner, WorkerRunner) else 0
            slack_s = options["wire_slack"]
            self._load = Load(environment, workload, slack_s, self._generators, rank, not for_parent)
            self._load.meter.install()
            self._set_load(self._load)

    def note_spawned(self, **_: Any) -> None:
        """Have the conductor know that Locust has started all users."""
        if self._conductor:
            self._conductor.spawned()

    def end(self, environment: Environment, **_: Any) -> None:
        """End the record before the users stop, whoever stops them; with a web interface, print its summary."""
        if self._load:
            self._load.stop_early()
        if self._conductor:
            self._conductor.stop_early()
            if environment.web_ui:
                gevent.spawn(self._print_when_complete)

    def send_samples(self, data: dict[str, Any], **_: Any) -> None:
        """Add what a worker noted down to its last report: once the test is over, and all its users have left."""
        if self._load and self._load.is_over and not self._load.users_left:
            data[SAMPLES] = self._noted(self._load).encoded()
            self._load.is_over = False

    def take_samples(self, data: dict[str, Any], **_: Any) -> None:
        """Keep what a worker noted down."""
        if SAMPLES in data:
            self._parts.append(Samples.decoded(data[SAMPLES]))

    def write_samples(self, environment: Environment, **_: Any) -> None:
        """Write everything, once everybody has stopped; only what went wrong if a worker's part is missing.

        Without a parent that judges them, losses decide the exit status.
        """
        if self._conductor is None:
            return
        if self._unprinted and (self._conductor.troubles or not self._conductor.summary().adds_up):
            environment.process_exit_code = 1
        if path := vars(environment.parsed_options)["record"]:
            parts = [self._noted(self._load)] if self._load else self._parts
            complete = len(parts) == self._generators
            if complete or self._conductor.troubles:
                whole = merged(parts) if complete else Samples()
                whole.troubles += self._conductor.troubles
                whole.write(Path(path))

    def print_summary(self, **_: Any) -> None:
        """Print what became of the deliveries, once, for a person."""
        if self._unprinted:
            for line in ["", *self._unprinted.summary().lines(), ""]:
                PRINTER.info(line)
        self._unprinted = None

    def _print_when_complete(self) -> None:
        with gevent.Timeout(FINISH_S, False):
            while self._unprinted and not self._unprinted.has_all_parts:
                gevent.sleep(LOOK_S)
        self.print_summary()

    def _noted(self, load: Load) -> Samples:
        load.samples.client_bytes = load.meter.told()
        return load.samples

    def _tell_coordinator(self, what: str, *, msg: Any, **_: Any) -> None:
        if self._conductor:
            self._conductor.hear(what, msg.data)

    def _tell_load(self, act: Callable[[Load, Any], None], *, msg: Any, **_: Any) -> None:
        if self._load:
            act(self._load, msg.data)


def check_command_line(environment: Environment) -> None:
    """Exit with a message if a test that begins by itself cannot; a web interface asks for what is missing."""
    options = vars(environment.parsed_options)
    begins = options["headless"] or options["autostart"] or environment.host
    if begins and (problem := problem_with(environment, environment.host, options)):
        if isinstance(environment.runner, MasterRunner):
            dismiss_workers(environment.runner, options["processes"] or 0)
        sys.exit(f"locust: error: {problem}")


def dismiss_workers(runner: MasterRunner, processes: int) -> None:
    """Have the processes quit that Locust has started already: without a master, they would wait for one."""
    with gevent.Timeout(FINISH_S, False):
        while runner.worker_count < processes:
            gevent.sleep(LOOK_S)
    runner.quit()
