"""The load generator: `locust`, one process or several, started for each measurement.

Teaches to keep Locust in a process of its own, since importing Locust patches the sockets of the importing process. It
runs as it does by hand, but without its user's own settings, and prints a JSON line for each phase of the test.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtests.accounts.rows import Window
from loadtests.accounts.samples import Samples
from loadtests.accounts.wire_bytes import SLACK_S
from loadtests.harness.children import running
from loadtests.harness.cores import Affinity
from loadtests.harness.distance import ClientAddresses
from loadtests.plan.workload import Workload
from servers.deploy.child_process import ChildProcess, OnTick, free_port, python_module

MARGIN_S = 60.0  # beyond what a phase should take: a generator that takes longer hangs
HOST = "127.0.0.1"


class Generator:
    """A running load. pid: of its process, or of the one that started the others. live: its latest percentiles."""

    def __init__(self, child: ChildProcess, workload: Workload, record: Path) -> None:
        self.pid = child.pid
        self.live = ""
        self._child = child
        self._workload = workload
        self._record = record
        self._stopped = False

    def start(self, addresses: ClientAddresses) -> None:
        """Send a prepared process the addresses of its servers, at which its users then begin to join."""
        arguments = ["--host", addresses.api]
        if addresses.push_service:
            arguments += ["--push-service", addresses.push_service]
        environment = {"SSL_CERT_FILE": addresses.authority} if addresses.authority else {}
        self._child.write_line(json.dumps({"arguments": arguments, "environment": environment}))

    def await_window(self, on_tick: OnTick | None = None) -> Window | None:
        """Wait until all users have joined, and return the window; None if they did not. Raises NotMeasured."""
        line = self._child.next_line(MARGIN_S + self._workload.users / self._workload.joins_per_s, on_tick)
        self._stopped = line["phase"] == "stop"
        return Window(*line["window"]) if "window" in line else None

    def poll(self) -> None:
        """Read the lines that have come, without waiting. Raises NotMeasured if the process has ended."""
        while self._child.has_output():
            line = self._child.next_line(0)
            if line["phase"] == "measure":
                self.live = f"p50 {line['p50_ms']:,.0f} ms, p95 {line['p95_ms']:,.0f} ms"

    def await_samples(self, on_tick: OnTick | None = None) -> Samples:
        """Wait until everything has arrived and the process has ended; raises NotMeasured."""
        while not self._stopped:
            line = self._child.next_line(self._workload.drain_s + MARGIN_S, on_tick)
            self._stopped = line["phase"] == "stop"
        self._child.wait(MARGIN_S)
        if not self._record.exists():
            raise self._child.failed("left no samples")
        return Samples.decoded(self._record.read_bytes())


@contextmanager
def generating(
    file: Path,
    addresses: ClientAddresses | None,
    workload: Workload,
    cores: Affinity,
    folder: Path,
    generators: int = 1,
) -> Iterator[Generator]:
    """Run a Locust file against its servers, on these cores; with several generators, under Locust's master process.

    addresses: None if they are not known yet; see `Generator.start`.
    """
    record = folder / f"{file.stem}.samples"
    command = python_module("loadtests.users.plain_locust", "--locustfile", str(file))
    command += ["--attached", "--prepared", "--headless", "--only-summary", "--json-phases"]
    command += ["--wire-slack", str(SLACK_S + workload.one_way_delay_s)]
    command += ["--spawn-rate", f"{workload.joins_per_s:g}", "--record", str(record)]
    command += workload.arguments()
    if generators > 1:
        count, port = str(generators), str(free_port())
        command += ["--processes", count, "--expect-workers", count]
        command += ["--master-host", HOST, "--master-port", port]
        command += ["--master-bind-host", HOST, "--master-bind-port", port]
    with running(command, cores, folder / f"load generator of {file.stem}.log") as child:
        generator = Generator(child, workload, record)
        if addresses:
            generator.start(addresses)
        yield generator
