"""On what the suite runs: one process with its embedded store, or two workers behind one port with a shared one."""

from dataclasses import dataclass

import pytest

from tests.engines import Engines


@dataclass(frozen=True, slots=True)
class Topology:
    """store: scheme of the shared store's URL; empty for the embedded one."""

    workers: int = 1
    store: str = ""

    def __str__(self) -> str:
        return f"{self.workers}-{self.store or 'sqlite'}"

    def arguments(self, engines: Engines) -> list[str]:
        """Return what to tell a server, with an empty store of its own."""
        return ["--workers", str(self.workers), "--store", engines.fresh_url(self.store)] if self.store else []


ALONE = Topology()
SHARING = {store: Topology(2, store) for store in ("redis", "postgresql")}
TOPOLOGIES = (
    pytest.param(ALONE, id=str(ALONE)),
    pytest.param(SHARING["redis"], id=str(SHARING["redis"])),
    pytest.param(SHARING["postgresql"], id=str(SHARING["postgresql"]), marks=pytest.mark.drill),
)
"""Every transport on each; what is marked is left to `make drills`."""
