"""One supervised process, and how it gets its new version.

Teaches that what a new version costs its users is decided by what a process has alone: one that shares its store may
serve beside the one that it replaces; one that owns a file must wait until the other has closed it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from servers.deploy.child_process import ChildProcess, python_module


class Renewal(StrEnum):
    """How a process gets its new version."""

    OVERLAP = "overlap"  # the new one listens on the same port before the old one is stopped
    STOP_FIRST = "stop_first"  # it has something alone, such as a file
    SIGHUP = "sighup"  # it is a host: on this signal it gives new requests to new instances
    NEVER = "never"  # it is rented, or a worker that is only restarted


@dataclass(slots=True)
class Part:
    """One supervised process. port: 0 until it has one, which it then keeps. successor: started, but not ready."""

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

    def spawn(self) -> None:
        """Start a successor, without waiting for it."""
        port_options = ["--share-port"] if self.renewal is Renewal.OVERLAP else []
        command = python_module(*self.command, "--port", str(self.port), *port_options, "--attached")
        self.started_s = time.monotonic()
        self.successor = ChildProcess(command, self.env)

    def take_over(self) -> ChildProcess | None:
        """Let the successor, which is ready, serve from now on; return the one that it replaces."""
        replaced, self.child, self.successor = self.child, self.successor, None
        return replaced
