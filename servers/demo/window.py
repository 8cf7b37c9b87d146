"""One window on the demo: a network of its own between it and every lane, which can be delayed, or cut.

Teaches how to let one person be far away or offline on one machine: by a relay before each server, for each window.
"""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack

from servers.demo.counts import Counts
from servers.demo.lane import Lane
from servers.deploy.relay import Relay

OPENING_S = 60.0  # how long a window may take to open before it counts as left


class Window:
    """One person's view. streams: how many pages read its counters; left_s: when the last one ended (loop's clock)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.delay_s = 0.0
        self.is_cut = False
        self.streams = 0
        self.renew()
        self._relays: dict[str, list[Relay]] = {}
        self._running = AsyncExitStack()
        self._baseline: dict[str, Counts] = {}

    def renew(self) -> None:
        """Let a page have OPENING_S to open the window, or to return to it."""
        self.left_s = asyncio.get_running_loop().time() + OPENING_S

    def counts(self, lane: Lane) -> Counts:
        """Return what a lane has cost since this window began to count."""
        return lane.counts - self._baseline.get(lane.transport.slug, Counts())

    def reset_counts(self, lanes: Iterable[Lane]) -> None:
        """Begin to count at zero; what a serverless host has metered goes on from its own start."""
        self._baseline = {lane.transport.slug: lane.counts for lane in lanes}

    async def connect(self, lane: Lane) -> list[str]:
        """Return where this window reaches a lane's API, and its push service if that is ours. Raises OSError.

        The relays are started with the first call, and follow the lane's servers to other addresses.
        """
        slug = lane.transport.slug
        if slug not in self._relays:
            relays = [Relay(lambda: lane.address)]
            if lane.runs_push_service:
                relays.append(Relay(lambda: lane.push_service))
            self._relays[slug] = relays  # before any wait: a second page of this window must get the same ones
            self.set_network(self.delay_s, self.is_cut)
            try:
                for relay in relays:
                    await self._running.enter_async_context(relay)
            except BaseException:
                del self._relays[slug]  # the next call starts them again
                raise
        return [relay.address for relay in self._relays[slug]]

    def set_network(self, delay_s: float, is_cut: bool) -> None:
        """Set how far away all servers are, each way, and whether they can be reached at all."""
        self.delay_s = delay_s
        self.is_cut = is_cut
        for relays in self._relays.values():
            for relay in relays:
                relay.delay_s = delay_s
                relay.is_cut = is_cut

    async def close(self) -> None:
        """Drop every connection of the window."""
        await self._running.aclose()
