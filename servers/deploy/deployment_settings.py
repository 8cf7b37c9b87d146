"""The settings of a deployment: its port, its log, and the kind of serverless host that its API runs on."""

import shlex
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from servers.core.store import EMBEDDED, is_embedded
from servers.deploy.empty_database import empty_database


@dataclass(frozen=True, slots=True)
class DeploymentSettings:
    """store: the log's URL. server_options: for each server of ours. profile: the serverless host of its API."""

    port: int
    store: str
    server_options: tuple[str, ...] = ()
    profile: str = "fluid-2026"

    @property
    def is_shared(self) -> bool:
        """Whether several processes may have the store at the same time."""
        return not is_embedded(self.store)

    def function(self, slug: str) -> list[str]:
        """Return the command that hosts a transport's server as a serverless function over the store."""
        if not self.is_shared:
            raise ValueError(f"store: only one process may use {self.store}, and functions are many; name redis")
        command = ["servers.deploy.serverless", slug, "--profile", self.profile, "--store", self.store]
        return command + (["--server-options", shlex.join(self.server_options)] if self.server_options else [])

    def server(self, slug: str) -> list[str]:
        """Return the command that runs a transport's server over the store, as a process that stays."""
        return ["servers", slug, "--store", self.store, *self.server_options]


def provisioned_log(store: str, stack: ExitStack) -> tuple[str, Mapping[str, int]]:
    """Return a log's URL, and the process id of an engine that was started for it.

    store: a URL, or the name of an engine or a kind of file to use until the stack ends. Raises NotStarted, ValueError.
    """
    if "://" in store:
        return store, {}
    if store in EMBEDDED:
        return f"{store}:///{stack.enter_context(tempfile.TemporaryDirectory(prefix='deployment-'))}/chat.db", {}
    url, facts = stack.enter_context(empty_database(store))
    return url, facts["pids"]
