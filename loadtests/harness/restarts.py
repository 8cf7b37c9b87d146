"""A server that may be restarted in the middle of a measurement: same address, same log, new process.

Teaches what the start of a new version does to connected users: all connections break at once, and come back as fast as
their back-off allows. This storm is measured from the moment when the new server is ready until the last user reads on.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from loadtests.accounts.cell import Reading
from loadtests.accounts.rows import Reconnection
from loadtests.accounts.verdict import percentile
from loadtests.harness.children import NotMeasured
from loadtests.harness.provisioned_store import ProvisionedStore
from loadtests.harness.server_probe import Server, serving
from servers.deploy.child_process import OnTick, free_port

OUTLASTED = "the storm outlasted it, and storm_requests is short"


class Storm(NamedTuple):
    """When the restarted server was ready, on the monotonic clock, and the upkeep requests counted before it was."""

    ready_s: float
    requests_before: float

    def doubts(self, reconnections: Sequence[Reconnection], read_s: float) -> list[str]:
        """Return a doubt if connections were back after the servers were read, at `read_s`; no column counts these."""
        late = [row for row in reconnections if row.back_s > read_s]
        if not self.ready_s or not late:
            return []
        return [f"{len(late)} of {len(reconnections)} connections were back only after the window: {OUTLASTED}"]

    def figures(self, reconnections: Sequence[Reconnection], after: Reading) -> dict[str, float]:
        """Return the storm's columns of `results.schema.CELLS`."""
        took_s = [max(0.0, row.back_s - self.ready_s) for row in reconnections]
        return {
            "storm_returns": len(took_s),
            "storm_p50_s": percentile(took_s, 50) if took_s else 0.0,
            "storm_p95_s": percentile(took_s, 95) if took_s else 0.0,
            "storm_max_s": max(took_s, default=0.0),
            "storm_requests": after["requests_upkeep"] - self.requests_before if self.ready_s else 0,
        }


NO_STORM = Storm(0.0, 0.0)


@dataclass(slots=True)
class FixedServer:
    """A server that is never restarted."""

    server: Server

    def restart(self) -> Server:
        raise NotMeasured("restart: only our own servers are restarted here")


@dataclass(slots=True)
class RestartableServers:
    """The servers of one measurement, as a context manager; `server` is the one that runs now.

    They are restarted over the same store. environment, options: see `serving`.
    """

    slug: str
    core: int | None
    folder: Path
    on_tick: OnTick | None
    store: ProvisionedStore
    environment: Mapping[str, str]
    options: Sequence[str]
    server: Server = field(init=False)
    _starts: int = field(default=0, init=False)
    _running: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        self.server = self._start(free_port())
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._running.close()

    def restart(self) -> Server:
        """Stop the server and start it again; waits for both, and raises NotMeasured."""
        port = urlsplit(self.server.address).port
        assert port is not None
        self._running.close()
        self.server = self._start(port)
        return self.server

    def _start(self, port: int) -> Server:
        self._starts += 1
        store = self.store
        log = self.folder / f"server of {self.slug}, start {self._starts}.log"
        environment = {**store.environment, **self.environment}
        server = self._running.enter_context(
            serving(self.slug, self.core, log, self.on_tick, port, store.url, store.workers, environment, self.options)
        )
        settings = {**server.settings, "engine": store.engine} if store.engine else server.settings
        return replace(server, pids={**server.pids, **store.pids}, settings=settings)


RunningServers = RestartableServers | FixedServer
