"""The load generator: one `locust` process per measurement.

Teaches to keep Locust at arm's length: importing it would patch the sockets of whoever imports it. So it runs as
anybody would run it by hand, and tells on standard output, in JSON lines, where in its course it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtests.children import Child, Look, module, running
from loadtests.distance import Way
from loadtests.samples import Samples, Window
from loadtests.wire_bytes import SLACK_S
from loadtests.workload import USERS_PER_S, Workload

MARGIN_S = 60.0


class Generator:
    """A running load; `pid` is its process."""

    def __init__(self, child: Child, workload: Workload, record: Path) -> None:
        self.pid = child.pid
        self._child = child
        self._workload = workload
        self._record = record

    def await_window(self, look: Look) -> Window | None:
        """Wait until all users have joined, and return the window; None if they did not. Raises NotMeasured."""
        told = self._child.next_line(MARGIN_S + self._workload.users / USERS_PER_S, look)
        return Window(*told["window"]) if "window" in told else None

    def await_samples(self, look: Look) -> Samples:
        """Wait until everything has arrived and the process has ended; raises NotMeasured."""
        while self._child.next_line(self._workload.drain_s + MARGIN_S, look)["phase"] != "stop":
            pass
        self._child.wait(MARGIN_S)
        if not self._record.exists():
            raise self._child.failed("left no samples")
        return Samples.read(self._record)


@contextmanager
def generating(file: Path, way: Way, workload: Workload, core: int | None, folder: Path) -> Iterator[Generator]:
    """Run a Locust file against its servers, on one core."""
    record = folder / f"{file.stem}.samples"
    command = module("locust", "--locustfile", str(file), "--headless", "--only-summary")
    command += ["--wire-slack", str(SLACK_S + workload.one_way_delay_s)]
    command += ["--push-service", way.push_service] if way.push_service else []
    command += ["--host", way.api, "--spawn-rate", str(USERS_PER_S), "--record", str(record), *workload.arguments()]
    with running(command, core, folder / f"load generator of {file.stem}.log") as child:
        try:
            yield Generator(child, workload, record)
        finally:
            child.terminate()  # unlike our servers, Locust does not watch its standard input
