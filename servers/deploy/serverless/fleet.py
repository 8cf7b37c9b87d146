"""The instances of one function: grown when asked for, frozen when idle, reaped when idle for long.

Teaches why nothing may be kept in memory: there is no affinity. Any instance with a free place may get the next
request of the same client, and the one that it talked to before may be frozen, or gone.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from servers.deploy.serverless.instance import Instance
from servers.deploy.serverless.meter import Meter
from servers.deploy.serverless.profiles import Profile

GRACE_S = 0.5  # between asking a reaped instance to end, and killing it


class Throttled(Exception):
    """Every instance that there may be is busy."""


class Place:
    """An instance as the fleet sees it: how many invocations it was given, and how many of them it serves already.

    retired: it takes no more invocations, and is killed when those that it has are over. ending: that has begun.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.given = 0
        self.serving = 0
        self.retired = False
        self.ending = False
        self.reaping: asyncio.TimerHandle | None = None


class Fleet:
    """At most `profile.instances_max` processes. Close it when done."""

    def __init__(self, new: Callable[[], Instance], profile: Profile, meter: Meter, chance: random.Random) -> None:
        self._new = new
        self._profile = profile
        self._meter = meter
        self._chance = chance
        self._places: list[Place] = []
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def cpu_s(self) -> float:
        """CPU time of the instances that live."""
        return sum(place.instance.cpu_s for place in self._places)

    @property
    def pids(self) -> list[int]:
        """The process ids of the instances that listen."""
        return [place.instance.pid for place in self._places if place.instance.cold_start_s]

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Place]:
        """Have a place for one invocation; waits for a cold start if need be. Raises Throttled, ChildFailed."""
        place = self._any_free() or self._grown()
        self._give(place)
        try:
            await self._started(place)
            with self._metered(place):
                yield place
        finally:
            self._take_back(place)

    def stop(self, place: Place) -> None:
        """Retire an instance; one that has no other invocation stops where it is, before it can notice anything."""
        self._retire(place)
        if place.given == 1:
            place.instance.freeze()

    def renew(self) -> None:
        """Let no instance take another invocation: the next are of the version that lies on disk now.

        Those that serve go on to the end of what they have, as on Vercel, where each deployment keeps its instances.
        """
        for place in list(self._places):
            if not place.retired:
                self._retire(place)
                self._end_unless_given(place)

    async def close(self) -> None:
        """End every instance."""
        for place in self._places:
            self._retire(place)
            self._end(place, GRACE_S)
        while self._ending:
            await asyncio.gather(*self._ending)

    def _any_free(self) -> Place | None:
        for place in self._places:
            if place.instance.ended and not place.retired:
                self._retire(place)
                self._end_unless_given(place)
        free = [place for place in self._places if not place.retired and place.given < self._profile.concurrency]
        return self._chance.choice(free) if free else None

    def _grown(self) -> Place:
        if len(self._places) >= self._profile.instances_max:
            raise Throttled(f"all {self._profile.instances_max} instances are busy")
        place = Place(self._new())
        self._places.append(place)
        self._meter.alive.change(1)
        return place

    async def _started(self, place: Place) -> None:
        try:
            if await place.instance.ready():
                self._meter.cold_starts += 1
                self._meter.cold_start_s.append(place.instance.cold_start_s)
                self._meter.boot_cpu_s += place.instance.cpu_s
        except BaseException:
            self._retire(place)
            raise

    def _give(self, place: Place) -> None:
        if place.reaping is not None:
            place.reaping.cancel()
            place.reaping = None
            place.instance.thaw()
        place.given += 1

    def _take_back(self, place: Place) -> None:
        place.given -= 1
        if place.retired:
            self._end_unless_given(place)
        elif place.given == 0:
            place.instance.freeze()
            place.reaping = asyncio.get_running_loop().call_later(self._profile.idle_s, self._reap, place)

    @contextmanager
    def _metered(self, place: Place) -> Iterator[None]:
        """Bill an invocation for as long as the block lasts; an instance is busy from its first to its last."""
        self._meter.invocations += 1
        self._meter.serving.change(1)
        self._meter.busy.change(place.serving == 0)
        place.serving += 1
        try:
            yield
        finally:
            place.serving -= 1
            self._meter.busy.change(-(place.serving == 0))
            self._meter.serving.change(-1)

    def _reap(self, place: Place) -> None:
        self._retire(place)
        self._end(place, GRACE_S)

    def _retire(self, place: Place) -> None:
        place.retired = True
        if place.reaping is not None:
            place.reaping.cancel()

    def _end_unless_given(self, place: Place) -> None:
        if place.given == 0:
            self._end(place, 0)

    def _end(self, place: Place, grace_s: float) -> None:
        if place.ending:
            return
        place.ending = True
        task = asyncio.create_task(self._terminate(place, grace_s))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _terminate(self, place: Place, grace_s: float) -> None:
        """End an instance; until it is dead it counts among those that there may be."""
        await place.instance.end(grace_s)
        self._places.remove(place)
        self._meter.alive.change(-1)
        self._meter.ended_cpu_s += place.instance.cpu_s
