"""What a deployment is told: where it listens and keeps its log, and on what kind of serverless host its API runs."""

import shlex
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from servers.core.store import EMBEDDED
from servers.deploy import engines
from servers.deploy.engines import Engine

ENGINES: Mapping[str, Callable[[Path], AbstractContextManager[Engine]]] = {
    "redis": engines.redis_server,
    "postgresql": engines.postgres_server,
}
"""Engines that can be started here, beside a deployment that is told only their names."""


@dataclass(frozen=True, slots=True)
class DeploymentSettings:
    """store: the log's URL. server_options: for each server of ours. profile: which serverless host its API is on.

    instances: how many processes that host may have at most; None leaves it to the profile.
    """

    port: int
    store: str
    server_options: tuple[str, ...] = ()
    profile: str = "fluid-2026"
    instances: int | None = None

    @property
    def is_shared(self) -> bool:
        """Whether several processes may have the store at the same time."""
        return self.store.partition(":")[0] not in EMBEDDED

    def function(self, slug: str) -> list[str]:
        """Return the command that hosts a transport's server as a serverless function over the store."""
        if not self.is_shared:
            raise ValueError(
                f"store: {self.store} is one process's alone, and functions are many; name redis or postgresql"
            )
        more = ["--instances", str(self.instances)] if self.instances else []
        told = ["--server-options", shlex.join(self.server_options)] if self.server_options else []
        return ["servers.deploy.serverless", slug, "--profile", self.profile, "--store", self.store, *more, *told]

    def server(self, slug: str) -> list[str]:
        """Return the command that runs a transport's server over the store, as a process that stays."""
        return ["servers", slug, "--store", self.store, *self.server_options]


@dataclass(frozen=True, slots=True)
class Log:
    """Where a deployment keeps its log. pids: of the engine, under `store`, if it was started for the deployment."""

    url: str
    pids: Mapping[str, int]


def log_in(named: str, stack: ExitStack) -> Log:
    """Return the log in the store that is named: at that URL, or in an engine or file of its own until the stack ends.

    Raises NotStarted.
    """
    if "://" in named:
        return Log(named, {})
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deployment-")))
    if named in EMBEDDED:
        return Log(f"{named}:///{folder}/chat.db", {})
    if named not in ENGINES:
        raise ValueError(f"--store {named}: expected a URL, or one of {', '.join((*EMBEDDED, *ENGINES))}")
    folder.chmod(0o711)  # the engine does not run as root, and has a folder of its own within
    engine = stack.enter_context(ENGINES[named](folder / "data"))
    return Log(engine.fresh_url(), {"store": engine.pid})
