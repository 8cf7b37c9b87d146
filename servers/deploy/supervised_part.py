"""One supervised process, and how it gets its new version.

Teaches that a shared store makes a new version cheap for its users. A process that shares its store may serve beside
the one that it replaces; a process that owns a file must wait until the other one has closed it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from servers.deploy.child_process import ChildProcess, python_module


class Renewal(StrEnum):
    """How a process gets its new version."""

    OVERLAP = "overlap"  # the new one listens on the same port before the old one is stopped
    STOP_FIRST = "stop_first"  # the old one must stop first, since it owns something, such as a file
    SIGHUP = "sighup"  # it is a host: after this signal, new instances serve all new requests
    NEVER = "never"  # it is not ours to renew, or it is a worker that is only restarted


@dataclass(slots=True)
class Part:
    """One supervised process. port: on which each process listens. successor: started, but not ready."""

    role: str
    command: Sequence[str]
    renewal: Renewal
    port: int
    env: Mapping[str, str]
    child: ChildProcess | None = field(default=None, repr=False)
    successor: ChildProcess | None = field(default=None, repr=False)
    is_renewed: bool = False
    started_s: float = 0.0

    @property
    def children(self) -> list[ChildProcess]:
        return [child for child in (self.successor, self.child) if child is not None]

    @property
    def is_missing(self) -> bool:
        """Whether no process runs, or the one of the new version could not be started."""
        return not self.children or (self.is_renewed and self.successor is None)

    def spawn(self) -> None:
        """Start a successor, without waiting for it."""
        port_options = ["--share-port"] if self.renewal is Renewal.OVERLAP else []
        command = python_module(*self.command, "--port", str(self.port), *port_options, "--attached")
        self.started_s = time.monotonic()
        self.successor = ChildProcess(command, self.env)

    def take_over(self) -> ChildProcess | None:
        """Let the successor, which is ready, serve from now on; return the process that it replaces."""
        replaced = self.child
        self.child = self.successor
        self.successor = None
        return replaced
