"""What the servers' processes have used, by the part of the work that they do; from outside, as the system tells it.

Teaches that a server is not always the same processes: a host's instances come and go, an engine forks for each
connection. So only those are listed that stay, and each answers for all that it has started, until the next one on the
list; of those that have ended, the system adds the time to whoever started them.
"""

from collections.abc import Mapping

import psutil

from loadtests.accounts.cell import Reading
from loadtests.rig.cpu_time import cpu_s, ended_s

API, PUSH_SERVICE, STORE = PARTS = "api", "push_service", "store"
"""Whose CPU time has a column of its own: what serves and who tends it, the push service, the store's engine."""


def part_of(role: str) -> str:
    """Return to which part a process belongs, by its role: api, api_2 and supervisor are one, for example."""
    return next((part for part in (PUSH_SERVICE, STORE) if role.startswith(part)), API)


class Parts:
    """The processes of one server, listed by role; raises psutil.NoSuchProcess."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._listed = {role: psutil.Process(pid) for role, pid in pids.items()}

    @property
    def has_store(self) -> bool:
        """Whether the store's engine is among them."""
        return any(part_of(role) == STORE for role in self._listed)

    def used_s(self) -> Reading:
        """Return the CPU time of each part so far, under its column's name; raises psutil.Error."""
        used_s = dict.fromkeys(PARTS, 0.0)
        for role, family in self._families().items():
            used_s[part_of(role)] += cpu_s(*family) + ended_s(self._listed[role])
        return {f"{part}_cpu_s": s for part, s in used_s.items()}

    def resident_bytes(self) -> Reading:
        """Return the resident memory of the API and of the push service; raises psutil.Error."""
        resident = dict.fromkeys(PARTS, 0.0)
        for role, family in self._families().items():
            resident[part_of(role)] += sum(each.memory_info().rss for each in family)
        return {f"{part}_rss_bytes": resident[part] for part in (API, PUSH_SERVICE)}

    def _families(self) -> dict[str, set[psutil.Process]]:
        """Return for each role its process and all below it, without the other listed ones and what is below them."""
        whole = {role: {listed, *listed.children(recursive=True)} for role, listed in self._listed.items()}

        def below(role: str) -> list[set[psutil.Process]]:
            return [whole[other] for other, listed in self._listed.items() if other != role and listed in whole[role]]

        return {role: family.difference(*below(role)) for role, family in whole.items()}
