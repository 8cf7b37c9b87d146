"""The functions that Locust calls: at a test's start, for each of our messages, and at the test's end.

Teaches which process does what. A process with users has a GeneratorProcess; the process that leads has a Coordinator;
a single process has both. With several (`--processes`, or `--master` and `--worker`), Locust's runners carry the
messages and, at the end, every worker's samples to the master.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner
from msgspec.structs import replace

from loadtests.accounts.samples import Samples, merged
from loadtests.plan.hosts import how_to_start
from loadtests.plan.workload import Workload
from loadtests.users.coordinator import CHECK_S, FINISH_S, LEAVE_S, Coordinator
from loadtests.users.generator_process import GeneratorProcess
from loadtests.users.options import add_options, locust_file_of, start_problem, workload_of
from loadtests.users.progress import log_sentence, print_json
from loadtests.users.web_page import extend_web_page
from results.terminal import console

TO_COORDINATOR = ("joined", "refused", "finished sending", "heads", "caught up", "finished", "live", "samples")
TO_PROCESSES: dict[str, Callable[[GeneratorProcess, Any], None]] = {
    "begin": GeneratorProcess.begin,
    "send heads": GeneratorProcess.send_heads,
    "catch up": GeneratorProcess.catch_up,
    "finish": GeneratorProcess.finish,
}


class LocustHooks:
    """The test of this process, if one runs. on_start: is given the GeneratorProcess that the users share."""

    def __init__(self, on_start: Callable[[GeneratorProcess], None]) -> None:
        self._on_start = on_start
        self._process: GeneratorProcess | None = None
        self._coordinator: Coordinator | None = None
        self._unprinted: Coordinator | None = None

    def install(self) -> None:
        """Register with Locust."""
        events.init_command_line_parser.add_listener(add_options)
        events.init.add_listener(self.register_messages)
        events.test_start.add_listener(self.begin)
        events.spawning_complete.add_listener(self.note_spawned)
        events.test_stopping.add_listener(self.end)
        events.quitting.add_listener(self.set_exit_status)
        events.quitting.add_listener(self.write_samples)
        events.quit.add_listener(self.print_summary)

    def register_messages(self, environment: Environment, **_: Any) -> None:
        """Register for messages on the coordinator's or the generator's runner; exits if the command line is wrong."""
        assert environment.runner is not None
        if not isinstance(environment.runner, WorkerRunner):
            check_command_line(environment)
            for message in TO_COORDINATOR:
                environment.runner.register_message(message, partial(self._to_coordinator, message))
        if not isinstance(environment.runner, MasterRunner):
            for message, act in TO_PROCESSES.items():
                environment.runner.register_message(message, partial(self._to_process, act))
        if environment.web_ui:
            extend_web_page(environment)

    def begin(self, environment: Environment, **_: Any) -> None:
        """Make this process's parts of a test, before its first user exists."""
        options = vars(environment.parsed_options)
        runner = environment.runner
        workload = workload_of(options)
        self._process = self._coordinator = None
        if isinstance(runner, MasterRunner):
            rank_workers(runner, options)
        if not isinstance(runner, WorkerRunner):
            self._begin_coordinator(environment, workload)
        if not isinstance(runner, MasterRunner):
            self._begin_process(environment, workload)

    def note_spawned(self, **_: Any) -> None:
        """Tell the coordinator that Locust has started all users."""
        if self._coordinator:
            self._coordinator.spawned()

    def end(self, environment: Environment, **_: Any) -> None:
        """End the record before the users stop, whoever stops them; with a web interface, print its summary."""
        if self._process:
            self._process.stop_early()
        if self._coordinator:
            self._coordinator.stop_early()
            if environment.web_ui:
                gevent.spawn(self._print_when_complete, environment)

    def set_exit_status(self, environment: Environment, **_: Any) -> None:
        """Set exit status 1 if something went wrong or was lost in a test, unless a parent judges the samples."""
        coordinator = self._unprinted
        if coordinator and (coordinator.troubles or not coordinator.summary().adds_up):
            environment.process_exit_code = 1

    def write_samples(self, environment: Environment, **_: Any) -> None:
        """Write the samples, once everybody has stopped; only what went wrong if a process's part is missing."""
        coordinator, path = self._coordinator, vars(environment.parsed_options)["record"]
        if coordinator and path and (coordinator.has_all_parts or coordinator.troubles):
            whole = merged(coordinator.parts) if coordinator.has_all_parts else Samples()
            troubles = [*whole.troubles, *coordinator.troubles]
            Path(path).write_bytes(replace(whole, troubles=troubles).encoded())

    def print_summary(self, **_: Any) -> None:
        """Print the table of deliveries, once, unless a parent process reads the samples."""
        if self._unprinted:
            self._unprinted.summary().show(console())
        self._unprinted = None

    def _begin_coordinator(self, environment: Environment, workload: Workload) -> None:
        options = vars(environment.parsed_options)
        for_parent = options["json_phases"]
        on_phase = print_json if for_parent else log_sentence
        advice = how_to_start(locust_file_of(environment))
        self._coordinator = Coordinator(environment, workload, options["generators"], on_phase, advice)
        self._unprinted = None if for_parent else self._coordinator

    def _begin_process(self, environment: Environment, workload: Workload) -> None:
        options = vars(environment.parsed_options)
        runner = environment.runner
        rank = options["ranks"].get(runner.client_id) if isinstance(runner, WorkerRunner) else 0
        self._process = GeneratorProcess(environment, workload, options["wire_slack"], options["generators"], rank)
        self._process.meter.install()
        self._on_start(self._process)

    def _print_when_complete(self, environment: Environment) -> None:
        with gevent.Timeout(LEAVE_S, False):
            while self._unprinted and not self._unprinted.has_all_parts:
                gevent.sleep(CHECK_S)
        self.set_exit_status(environment)
        self.print_summary()

    def _to_coordinator(self, message: str, *, msg: Any, **_: Any) -> None:
        if self._coordinator:
            self._coordinator.on_message(message, msg.data)

    def _to_process(self, act: Callable[[GeneratorProcess, Any], None], *, msg: Any, **_: Any) -> None:
        if self._process:
            act(self._process, msg.data)


def rank_workers(runner: MasterRunner, options: dict[str, Any]) -> None:
    """Put the number of workers and the rank of each into the options, which the workers receive when they start.

    Locust gives users to the workers in the order of their ids: so the first have one more if some are left over.
    """
    workers = [*runner.clients.ready, *runner.clients.spawning, *runner.clients.running]
    options["ranks"] = {name: rank for rank, name in enumerate(sorted(worker.id for worker in workers))}
    options["generators"] = len(workers)


def check_command_line(environment: Environment) -> None:
    """Exit with a message if the options are wrong, unless a web page is to ask for the host: it lets correct them."""
    options = vars(environment.parsed_options)
    is_complete = options["headless"] or options["autostart"] or environment.host
    if is_complete and (problem := start_problem(environment, environment.host, options)):
        if isinstance(environment.runner, MasterRunner):
            dismiss_workers(environment.runner, options["processes"] or 0)
        sys.exit(f"locust: error: {problem}")


def dismiss_workers(runner: MasterRunner, processes: int) -> None:
    """End the worker processes that Locust has started already: without a master, they would wait for one."""
    with gevent.Timeout(FINISH_S, False):
        while runner.worker_count < processes:
            gevent.sleep(CHECK_S)
    runner.quit()
