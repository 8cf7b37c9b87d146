"""The instances of one function: added on demand, frozen when idle, reaped when idle for long.

Teaches why a function may keep nothing in memory: there is no affinity. Any instance that is not full may get the next
request of a client, and the instance that served the last one may be frozen or gone.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from servers.deploy.serverless.edge_client import THROTTLED, Refused
from servers.deploy.serverless.instance import Instance
from servers.deploy.serverless.meter import Meter
from servers.deploy.serverless.profiles import Profile

GRACE_S = 0.5  # between asking a reaped instance to end, and killing it


@dataclass(slots=True, eq=False)
class PooledInstance:
    """An instance in the pool. assigned: its invocations; serving: those of them that it serves already.

    retired: it gets no more invocations, and is killed when its last one is over. ending: it is being killed.
    """

    instance: Instance
    assigned: int = 0
    serving: int = 0
    retired: bool = False
    ending: bool = False
    reaping: asyncio.TimerHandle | None = None


class Fleet:
    """At most `profile.instances_max` processes. Close it when done."""

    def __init__(self, new: Callable[[], Instance], profile: Profile, meter: Meter, rng: random.Random) -> None:
        self._new = new
        self._profile = profile
        self._meter = meter
        self._rng = rng
        self._pool: list[PooledInstance] = []
        self._closed = False
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def cpu_s(self) -> float:
        """CPU time of the instances that live."""
        return sum(pooled.instance.cpu_s for pooled in self._pool)

    @property
    def pids(self) -> list[int]:
        """The process ids of the instances that listen."""
        return [pooled.instance.pid for pooled in self._pool if pooled.instance.cold_start_s]

    @asynccontextmanager
    async def acquired(self) -> AsyncIterator[PooledInstance]:
        """Yield an instance for one invocation; waits for a cold start if need be. Raises Refused, ChildFailed."""
        pooled = self._free() or self._added()
        if pooled.reaping is not None:
            pooled.reaping.cancel()
            pooled.reaping = None
            pooled.instance.thaw()
        pooled.assigned += 1
        try:
            await self._started(pooled)
            with self._metered(pooled):
                yield pooled
        finally:
            self._release(pooled)

    def stop(self, pooled: PooledInstance) -> None:
        """Retire an instance; if it has no other invocation, freeze it, so that its code notices nothing."""
        self._retire(pooled)
        if pooled.assigned == 1:
            pooled.instance.freeze()

    def renew(self) -> None:
        """Retire all instances: further invocations get new ones, of the version that is on disk now.

        Running invocations go on to their end, as on Vercel, where each deployment keeps its instances.
        """
        for pooled in self._pool:
            self._retire(pooled)

    async def close(self) -> None:
        """End every instance, and start no further one."""
        self._closed = True
        for pooled in self._pool:
            self._end(pooled, GRACE_S)
        while self._ending:
            await asyncio.gather(*self._ending)

    def _free(self) -> PooledInstance | None:
        for pooled in self._pool:
            if pooled.instance.ended:  # its process has ended by itself
                self._retire(pooled)
        free = [pooled for pooled in self._pool if not pooled.retired and pooled.assigned < self._profile.concurrency]
        return self._rng.choice(free) if free else None

    def _added(self) -> PooledInstance:
        """Return a new instance, which has not started yet. Raises Refused beyond the limit, or after `close`."""
        if self._closed or len(self._pool) >= self._profile.instances_max:
            self._meter.throttled += 1
            raise Refused(THROTTLED)
        pooled = PooledInstance(self._new())
        self._pool.append(pooled)
        self._meter.alive.change(1)
        return pooled

    async def _started(self, pooled: PooledInstance) -> None:
        try:
            if await pooled.instance.ready():
                self._meter.cold_starts += 1
                self._meter.cold_start_s.append(pooled.instance.cold_start_s)
                self._meter.boot_cpu_s += pooled.instance.cpu_s
        except BaseException:
            self._retire(pooled)
            raise

    def _release(self, pooled: PooledInstance) -> None:
        pooled.assigned -= 1
        if pooled.retired:
            self._retire(pooled)
        elif pooled.assigned == 0:
            pooled.instance.freeze()
            pooled.reaping = asyncio.get_running_loop().call_later(self._profile.idle_s, self._end, pooled, GRACE_S)

    @contextmanager
    def _metered(self, pooled: PooledInstance) -> Iterator[None]:
        """Bill an invocation for as long as the block lasts; an instance is busy while it serves at least one."""
        self._meter.invocations += 1
        self._meter.serving.change(1)
        if pooled.serving == 0:
            self._meter.busy.change(1)
        pooled.serving += 1
        try:
            yield
        finally:
            pooled.serving -= 1
            if pooled.serving == 0:
                self._meter.busy.change(-1)
            self._meter.serving.change(-1)

    def _retire(self, pooled: PooledInstance) -> None:
        """Give an instance no further invocation, and end it if it has none."""
        pooled.retired = True
        if pooled.assigned == 0:
            self._end(pooled, 0)

    def _end(self, pooled: PooledInstance, grace_s: float) -> None:
        if pooled.ending:
            return
        pooled.retired = pooled.ending = True
        if pooled.reaping is not None:
            pooled.reaping.cancel()
        task = asyncio.create_task(self._terminate(pooled, grace_s))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _terminate(self, pooled: PooledInstance, grace_s: float) -> None:
        """End an instance; it counts towards the limit of instances until it is dead."""
        await pooled.instance.end(grace_s)
        self._pool.remove(pooled)
        self._meter.alive.change(-1)
        self._meter.ended_cpu_s += pooled.instance.cpu_s
