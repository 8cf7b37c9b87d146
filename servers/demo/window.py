"""One window on the demo: a network of its own between it and every lane, which can be long, or cut."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from servers.demo.counts import Counts
from servers.demo.lane import Lane
from servers.demo.link import Link

OPENING_S = 60.0
"""How long a window may take to open before it counts as left."""


@dataclass(frozen=True, slots=True)
class Way:
    """A window's two links to one lane: to its API, and to its push service if it has one of our own."""

    api: Link
    service: Link | None

    @classmethod
    async def laid(cls, lane: Lane) -> Self:
        """Lay the links, which lead to wherever the lane's servers are. Raises OSError."""
        service = await Link.laid(lambda: lane.push_service) if lane.push_service else None
        return cls(await Link.laid(lambda: lane.address), service)

    @property
    def links(self) -> list[Link]:
        return [self.api, *([self.service] if self.service else [])]


class Window:
    """One person's view. streams: how many pages listen for its counters; left_s: since when none does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ways: dict[str, Way] = {}
        self.delay_s = 0.0
        self.is_cut = False
        self.streams = 0
        self.left_s = asyncio.get_running_loop().time() + OPENING_S
        self._start: dict[str, Counts] = {}

    def counts(self, lane: Lane) -> Counts:
        """Return what a lane has cost since this window began to count."""
        return lane.counts - self._start.get(lane.transport.slug, Counts())

    def count_anew(self, lanes: Iterable[Lane]) -> None:
        """Begin to count at nothing."""
        self._start = {lane.transport.slug: lane.counts for lane in lanes}

    async def reach(self, lane: Lane) -> Way:
        """Return the way to a lane, which is laid when it is first asked for. Raises OSError."""
        if lane.transport.slug not in self.ways:
            self.ways[lane.transport.slug] = await Way.laid(lane)
            self.shape(self.delay_s, self.is_cut)
        return self.ways[lane.transport.slug]

    def shape(self, delay_s: float, is_cut: bool) -> None:
        """Set how far away all servers are, each way, and whether they can be reached at all."""
        self.delay_s, self.is_cut = delay_s, is_cut
        for link in self._links():
            link.delay_s, link.is_cut = delay_s, is_cut

    async def close(self) -> None:
        """Drop every connection of the window."""
        await asyncio.gather(*(link.close() for link in self._links()))

    def _links(self) -> list[Link]:
        return [link for way in self.ways.values() for link in way.links]
