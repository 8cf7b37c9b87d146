"""Where Locust calls us, and carries our messages: its options, a test's start, and its end.

Teaches what is whose. A process with users has a Load; the one that leads has a Conductor; a single process has both.
`locust --processes N`, or `--master` and `--worker` on several machines, make several: Locust's runners then carry the
messages between them, and, once its users have stopped, every worker's samples to the master, which merges them.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.accounts.merging import merged
from loadtests.accounts.samples import Samples
from loadtests.accounts.wire_bytes import SLACK_S
from loadtests.plan.workload import Workload
from loadtests.users.conductor import Conductor
from loadtests.users.phases import Load

TO_CONDUCTOR = ("joined", "spoken", "heads", "caught up", "finished", "live")
SAMPLES = "samples"


class Test:
    """The test of this process, if one runs. set_load gives its users what they share."""

    def __init__(self, set_load: Callable[[Load], None]) -> None:
        self._set_load = set_load
        self._load: Load | None = None
        self._conductor: Conductor | None = None
        self._parts: list[Samples] = []
        self._generators = 1

    def install(self) -> None:
        """Have Locust call."""
        events.init_command_line_parser.add_listener(add_options)
        events.init.add_listener(self.listen)
        events.test_start.add_listener(self.begin)
        events.spawning_complete.add_listener(self.conduct)
        events.report_to_master.add_listener(self.send_samples)
        events.worker_report.add_listener(self.take_samples)
        events.quitting.add_listener(self.write_samples)

    def listen(self, environment: Environment, **_: Any) -> None:
        """Take part in the messages, each on its side."""
        assert environment.runner is not None
        if not isinstance(environment.runner, WorkerRunner):
            for what in TO_CONDUCTOR:
                environment.runner.register_message(what, partial(self._tell_conductor, what))
        if not isinstance(environment.runner, MasterRunner):
            for what, act in (
                ("begin", Load.begin), ("tell heads", Load.tell_heads), ("catch up", Load.catch_up),
                ("finish", Load.finish),
            ):  # fmt: skip
                environment.runner.register_message(what, partial(self._tell_load, act))

    def begin(self, environment: Environment, **_: Any) -> None:
        """Make what a test consists of here, before its first user exists."""
        options = vars(environment.parsed_options)
        workload = Workload.from_options(options)
        self._load = self._conductor = None
        self._parts.clear()
        if isinstance(environment.runner, MasterRunner):
            options["generators"] = environment.runner.worker_count  # which the workers are told when they start
        self._generators = options["generators"]
        if not isinstance(environment.runner, WorkerRunner):
            self._conductor = Conductor(environment, workload, self._generators)
        if not isinstance(environment.runner, MasterRunner):
            self._load = Load(environment, workload, options["wire_slack"], self._generators)
            self._load.meter.install()
            self._set_load(self._load)

    def conduct(self, user_count: int, **_: Any) -> None:
        """Lead the test from here on, if it is led here."""
        if self._conductor:
            gevent.spawn(self._conductor.conduct, user_count)

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
        """Write everything, once everybody has stopped; nothing if a worker's part is missing."""
        path = vars(environment.parsed_options)["record"]
        if not path or self._conductor is None:
            return
        parts = [self._noted(self._load)] if self._load else self._parts
        if len(parts) == self._generators:
            whole = merged(parts)
            whole.troubles += self._conductor.troubles
            whole.write(Path(path))

    def _noted(self, load: Load) -> Samples:
        load.samples.client_bytes = load.meter.told()
        return load.samples

    def _tell_conductor(self, what: str, *, msg: Any, **_: Any) -> None:
        if self._conductor:
            self._conductor.hear(what, msg.data)

    def _tell_load(self, act: Callable[[Load, Any], None], *, msg: Any, **_: Any) -> None:
        if self._load:
            act(self._load, msg.data)


def add_options(parser: LocustArgumentParser) -> None:
    """Let every Locust file take the fields of a workload, and a file for the raw samples."""
    for field in fields(Workload):
        if field.metadata and field.name != "users":
            flag = f"--{field.name.replace('_', '-')}"
            parser.add_argument(flag, type=type(field.default), default=field.default, help=field.metadata["meaning"])
    meaning = "Seconds around the window's ends, passing within which the two sides may count differently."
    parser.add_argument("--wire-slack", type=float, default=SLACK_S, help=meaning)
    meaning = "How many processes have users; a master says it to its workers by itself."
    parser.add_argument("--generators", type=int, default=1, help=meaning)
    parser.add_argument("--record", default="", help="File for the raw samples; none by default.")
