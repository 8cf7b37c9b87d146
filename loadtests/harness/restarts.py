"""A server that may be restarted in the middle of a measurement: same address, same log, new process.

Teaches what a deployment does to those who are connected: all lines break at once, and all come back at once, as fast
as their back-off lets them. What that storm takes is measured from when the new server is ready until the last user
reads on, and in the requests that it answers meanwhile for nothing but their being there again.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from loadtests.accounts.cell import Reading
from loadtests.accounts.samples import Return
from loadtests.accounts.verdict import percentile
from loadtests.harness.children import Look
from loadtests.harness.provisioned_store import ProvisionedStore
from loadtests.harness.server_probe import Server, serving


class Storm(NamedTuple):
    """When the restarted server was ready, on the monotonic clock, and the upkeep requests counted before it was."""

    ready_s: float
    requests_before: float

    def doubts(self, returns: Sequence[Return], read_s: float) -> list[str]:
        """Say how many were back only after the servers were read: what they asked is in no column.

        read_s: when that was, on the monotonic clock.
        """
        late = sum(row.back_s > read_s for row in returns) if self.ready_s else 0
        return [f"{late} of {len(returns)} lines were back only after the window: {OUTLASTED}"] if late else []

    def figures(self, returns: Sequence[Return], after: Reading) -> dict[str, float]:
        """Return the storm's columns of `results.schema.CELLS`."""
        took_s = [max(0.0, row.back_s - self.ready_s) for row in returns]
        return {
            "storm_returns": len(took_s),
            "storm_p50_s": percentile(took_s, 50) if took_s else 0.0,
            "storm_p95_s": percentile(took_s, 95) if took_s else 0.0,
            "storm_max_s": max(took_s, default=0.0),
            "storm_requests": after["requests_upkeep"] - self.requests_before if self.ready_s else 0,
        }


CALM = Storm(0.0, 0.0)
OUTLASTED = "the storm outlasted it, and storm_requests is short"


class Servers:
    """The servers of one measurement, as a context manager; `server` is the one that runs now.

    They come and go; the ground that they stand on stays. environment: what to add to our own, as `serving` says.
    """

    def __init__(
        self,
        slug: str,
        core: int | None,
        folder: Path,
        look: Look,
        ground: ProvisionedStore,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._slug, self._core, self._folder, self._look = slug, core, folder, look
        self._ground, self._environment = ground, {**ground.environment, **(environment or {})}
        self._starts = 0
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self.server = self._started(port=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def restart(self) -> Server:
        """Stop the server and start it again; waits for both, and raises NotMeasured."""
        port = urlsplit(self.server.address).port
        assert port is not None
        self._running.close()
        self.server = self._started(port)
        return self.server

    def _started(self, port: int) -> Server:
        self._starts += 1
        ground, log = self._ground, self._folder / f"server of {self._slug}, start {self._starts}.log"
        server = self._running.enter_context(
            serving(self._slug, self._core, log, self._look, port, ground.url, ground.workers, self._environment)
        )
        told = {**server.settings, "engine": ground.engine} if ground.engine else server.settings
        return replace(server, pids={**server.pids, **ground.pids}, settings=told)
