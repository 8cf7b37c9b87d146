"""The store of a measurement: where the log is kept, and how many processes serve it.

Teaches that a store is part of what is measured: a shared one, if it is started here, is a process on the
servers' core, and its CPU time counts as theirs. Each measurement has a log of its own.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.harness.children import running
from servers.addresses import without_passwords
from servers.deploy import engines
from servers.deploy.child_process import OnTick, python_module

EMBEDDED = "sqlite"
SHARED = ("redis", "postgresql")
READY_S = 40.0  # longer than an engine may take to start


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """A scheme, whose engine is then started here, or the URL of an engine that runs; and the number of workers.

    Raises ValueError if there is no such store, or if several processes cannot share it.
    """

    store: str = EMBEDDED
    workers: int = 1

    def __post_init__(self) -> None:
        if self.scheme not in (EMBEDDED, *SHARED) or self.store.startswith(f"{EMBEDDED}:"):
            expected = f"{EMBEDDED}, {', '.join(SHARED)}, or the URL of one of the latter that runs already"
            raise ValueError(f"--store {without_passwords(self.store)}: expected {expected}")
        if self.workers > 1 and self.is_embedded:
            raise ValueError(
                f"--workers {self.workers}: an embedded store is one process's alone; "
                f"several need --store {' or '.join(SHARED)}"
            )

    @property
    def scheme(self) -> str:
        return engines.engine_of(self.store)

    @property
    def is_embedded(self) -> bool:
        return self.scheme == EMBEDDED

    @property
    def missing(self) -> dict[str, str]:
        """The programs that its engine needs here and that are not installed, with Debian's package of each."""
        return engines.missing(self.scheme) if self.store in SHARED else {}

    @property
    def label(self) -> str:
        return f"{self.scheme}, {self.workers} worker{'s' if self.workers > 1 else ''}"


DEFAULT_STORE = StoreChoice()


@dataclass(frozen=True, slots=True)
class ProvisionedStore:
    """A store that runs. environment: what the servers need besides the URL; pids: of an engine that was started here.

    engine: its name and version; empty unless it was started here.
    """

    url: str
    workers: int
    environment: Mapping[str, str]
    pids: Mapping[str, int]
    engine: str


@contextmanager
def provisioned(
    choice: StoreChoice, core: int | None, folder: Path, on_tick: OnTick | None = None
) -> Iterator[ProvisionedStore]:
    """Provide an empty log until the block ends, its engine on one core if it is started here; raises NotMeasured."""
    if choice.is_embedded:
        yield ProvisionedStore(f"sqlite:///{folder / 'chat.db'}", 1, {}, {}, "")
        return
    command = python_module("servers.deploy.empty_database", choice.store, "--attached")
    with running(command, core, folder / f"{choice.scheme}.log") as child:
        ready = child.next_line(READY_S, on_tick)
        secret = {"CHAT_SECRET": secrets.token_hex(32)}
        yield ProvisionedStore(ready["address"], choice.workers, secret, ready["pids"], ready["engine"])
