"""The exchange of a service that is several processes: who sits where is kept in Redis, which also passes events on.

Teaches how workers that share nothing answer as one. A worker listens at Redis only to the channels that its own
sockets listen to. Every change of a channel is one script (`channels.lua`), and its notices are published from inside
it, so every worker hears of changes in the order in which they happened.

Teaches also how to fail: a worker that loses its line, or finds that the others gave it up, has missed events that it
cannot name. It says so to all its clients (4200: come back and catch up), and begins anew as another `worker`. So no
failure needs a repair of what was there before. A worker that is too slow for what is published fails likewise: Redis
cuts it off (client-output-buffer-limit).

What crosses the wire to Redis is listed in `channels.lua`. Leaves out delivery to workers while they are cut off.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import msgspec

from servers.pusher_service import frames
from servers.pusher_service.answers import Counters, Denied
from servers.pusher_service.channels import Kind
from servers.pusher_service.exchange import Counts, Deliver, Join, Publish, Seat, Stats, Unreachable
from servers.pusher_service.limits import Settings
from servers.pusher_service.listeners import EVENT, NOTICE, Listeners, packed
from servers.pusher_service.redis_line import ConnectionLost, database_of, opened
from servers.pusher_service.worker import Worker

FULL = b"full"
log = logging.getLogger(__name__)


class RedisExchange:
    """The channels of one worker, shared with all workers of the same application in the same database.

    `lost` is called when this worker's channels are lost, and with them whatever its sockets were subscribed to.
    """

    def __init__(
        self,
        url: str,
        app_id: str,
        settings: Settings,
        deliver: Deliver,
        lost: Callable[[], None],
        counters: Counters,
        stats: Callable[[], Stats],
    ) -> None:
        self._url = url
        self._prefix = f"pusher:{{{app_id}@{database_of(url)}}}:"  # what is published knows of no databases
        self._heard = f"{self._prefix}heard:"
        self._settings = settings
        self._new_listeners = partial(Listeners, self._heard, deliver, counters)
        self._listeners = self._new_listeners()
        self._lost = lost
        self._stats = stats
        self._worker: Worker | None = None

    @property
    def reachable(self) -> bool:
        """Whether this worker counts as one of the service."""
        return self._worker is not None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take part in the service until the block ends; begins once Redis was tried, and goes on trying."""
        tried = asyncio.Event()
        keeper = asyncio.create_task(self._keep(tried))
        await tried.wait()
        try:
            yield
        finally:
            with suppress(Unreachable):
                await self._working().act("depart")
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper

    async def join(self, act: Join) -> None:
        """Seat a socket. Its welcome is delivered before anything that is published to the channel later."""
        seat, worker = act.seat, self._working()
        user_id, info, notice = "", b"", ""
        if act.member is not None:
            user_id, info = act.member.user_id, bytes(act.member.info)
            added = frames.member_added(seat.channel, user_id, act.member.info)
            notice = packed(NOTICE, seat.socket_id, added)

        def welcome(answer: Any) -> None:
            if isinstance(answer, list):
                members = _members(answer) if seat.kind is Kind.PRESENCE else None
                self._listeners.welcome(seat, frames.succeeded(seat.channel, members))

        self._listeners.ask(seat, worker.line)
        members_max = self._settings.members_max
        if await worker.act("join", seat.channel, user_id, info, members_max, notice, then=welcome) == FULL:
            self._listeners.leave(seat, worker.line)
            raise Denied(frames.full(seat.channel, members_max))

    async def leave(self, seats: Sequence[Seat]) -> None:
        """Free seats: their sockets hear nothing more, the others a notice when it was a user's last one."""
        if not seats:
            return
        worker = self._working()
        for seat in seats:
            self._listeners.leave(seat, worker.line)
        await worker.act("leave", *(word for seat in seats for word in (seat.channel, seat.user_id or "")))

    async def publish(self, events: Sequence[Publish]) -> None:
        """Have Redis pass events on, in order; returns once it has taken them."""
        await self._working().publish(
            (self._heard + event.channel, packed(EVENT, event.but or "", event.text)) for event in events
        )

    async def counts(self, names: Sequence[str]) -> list[Counts]:
        """Return each channel's counts."""
        return [Counts(*counts) for counts in await self._working().act("counts", *names)]

    async def occupied(self, prefix: str) -> dict[str, Counts]:
        """Return the occupied channels whose names start so."""
        found = await self._working().act("occupied", prefix)
        return {name.decode(): Counts(subscriptions, users) for name, subscriptions, users in found}

    async def users(self, name: str) -> list[str]:
        """Return the ids of the users present."""
        return [user_id.decode() for user_id in await self._working().act("users", name)]

    async def totals(self) -> Stats:
        """Return what all workers have counted, added up."""
        try:
            return await self._working().census.totals()
        except ConnectionLost as lost:
            raise Unreachable(str(lost)) from lost

    def _working(self) -> Worker:
        if self._worker is None:
            raise Unreachable("this worker has no connection to Redis")
        return self._worker

    async def _keep(self, tried: asyncio.Event) -> None:
        """Be a worker, and a new one whenever that ends, until cancelled."""
        before = ""
        task = asyncio.current_task()
        while task is not None and not task.cancelling():  # a TaskGroup that fails at the same time swallows it
            try:
                async with opened(self._url, self._told, self._settings.redis_answer_s) as line:
                    worker = Worker(line, self._prefix, self._settings, self._stats)
                    await self._work(worker, before, tried)
            except* ConnectionLost as lost:
                log.warning("%s", "; ".join(map(str, lost.exceptions)))
            except* Exception:  # a mistake, here or of others who publish under our names: no reason to serve nobody
                log.exception("starting over")
            tried.set()
            if self._worker is not None:
                before = self._worker.id
                self._forget()
            await asyncio.sleep(self._settings.redis_retry_s)

    async def _work(self, worker: Worker, before: str, tried: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.line.read())
            tasks.create_task(worker.line.write())
            await worker.arrive(before)
            self._worker = worker
            worker.line.tell("SUBSCRIBE", worker.census.question, worker.census.inbox)
            tried.set()
            await worker.renew()

    def _forget(self) -> None:
        """Forget all seats, and have everybody told, so that nothing of them is taken up again."""
        self._worker = None
        self._listeners = self._new_listeners()
        self._lost()

    def _told(self, key: bytes, text: bytes) -> None:
        place, published = key.decode(), text.decode()
        if not self._listeners.told(place, published) and self._worker is not None:
            self._worker.census.told(place, published)


def _members(flat: list[bytes]) -> dict[str, msgspec.Raw]:
    """Read a hash of members as Lua returns it: names and values in turn."""
    return {user_id.decode(): msgspec.Raw(info) for user_id, info in zip(flat[::2], flat[1::2], strict=True)}
