"""The two exchanges, compared: whatever clients do, workers that share a Redis tell them what one process would."""

import asyncio
import json
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec import Raw
from redis import Redis

from servers.deploy.empty_database import engine_folder
from servers.deploy.engines import redis_server
from servers.pusher_service.answers import Answer, Close, Counters, Denied
from servers.pusher_service.channels import Kind, Member, kind_of
from servers.pusher_service.exchange import Counts, Exchange, Join, Publish, Seat, Unreachable
from servers.pusher_service.in_process import InProcess
from servers.pusher_service.limits import Settings
from servers.pusher_service.redis_exchange import RedisExchange
from tests.support.engines import Engines

pytestmark = pytest.mark.process

SETTINGS = replace(Settings(), members_max=2, worker_lease_s=5.0)
DEADLINE_S = 10.0
CHANNELS = ("presence-a", "private-c")
USERS = ("ann", "bob", "zoë \n")
SOCKETS = tuple(f"{n}.1" for n in range(6))

Step = tuple[str, str, str, str]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["join", "join", "leave", "publish"]),
        st.sampled_from(SOCKETS),
        st.sampled_from(CHANNELS),
        st.sampled_from(USERS),
    ),
    min_size=20,  # enough for a channel to fill up, and to empty again
    max_size=60,
)


class Play:
    """The same sockets on one exchange or several: socket n sits on the n-th exchange, counted round and round."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self._seats: dict[tuple[str, str], Seat] = {}

    def deliver(self, answer: Answer) -> None:
        assert not isinstance(answer, Close)
        for socket_id in answer.to:
            self.heard[socket_id].append(told(answer.text))

    async def do(self, step: Step) -> None:
        """Take one step, if it is possible."""
        act, socket_id, channel, user_id = step
        seat = self._seats.get((socket_id, channel))
        exchange = self.exchanges[SOCKETS.index(socket_id) % len(self.exchanges)]
        if act == "publish":
            await exchange.publish([Publish(channel, json.dumps({"data": json.dumps(user_id)}), but=socket_id)])
        elif act == "leave" and seat is not None:
            del self._seats[(socket_id, channel)]
            await exchange.leave([seat])
        elif act == "join" and seat is None:
            await self._join(exchange, socket_id, channel, user_id)

    async def _join(self, exchange: Exchange, socket_id: str, channel: str, user_id: str) -> None:
        kind = kind_of(channel, 164)
        member = Member(user_id, Raw(json.dumps([user_id]).encode())) if kind is Kind.PRESENCE else None
        seat = Seat(socket_id, channel, kind, member.user_id if member else None)
        try:
            await exchange.join(Join(seat, member))
        except Denied as denied:
            self.heard[socket_id].append(str(denied))
        else:
            self._seats[(socket_id, channel)] = seat

    async def answers(self) -> list[Any]:
        """Return what each exchange answers about all channels."""
        return [
            (
                await exchange.counts(CHANNELS),
                await exchange.occupied("p"),
                await exchange.occupied("presence-"),
                [sorted(await exchange.users(channel)) for channel in CHANNELS],
            )
            for exchange in self.exchanges
        ]


def told(text: str) -> Any:
    """Return a frame, with a list of members in no particular order."""
    frame = json.loads(text)
    data = json.loads(frame["data"])
    if isinstance(data, dict) and "presence" in data:
        data["presence"]["ids"].sort()
    return {**frame, "data": data}


@asynccontextmanager
async def shared(url: str, workers: int) -> AsyncIterator[Play]:
    """Open so many workers over one Redis."""
    play = Play()
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            exchange = RedisExchange(url, "7", SETTINGS, play.deliver, lambda: None, Counters(), dict)
            await stack.enter_async_context(exchange.running())
            play.exchanges.append(exchange)
        yield play


async def played(play: Play, steps: Sequence[Step]) -> tuple[dict[str, list[Any]], list[Any]]:
    """Take all steps, each once the last one's frames have arrived; return who heard what, and what is answered then.

    A worker's question is answered after all that was published before has reached it.
    """
    answers = await play.answers()
    for step in steps:
        await play.do(step)
        answers = await play.answers()
    return play.heard, answers


def one_process() -> Play:
    play = Play()
    play.exchanges.append(InProcess(play.deliver, Counters(), SETTINGS.members_max, dict))
    return play


@hypothesis_settings(max_examples=50, deadline=None)
@given(steps=STEPS)
def test_two_workers_tell_their_clients_exactly_what_one_process_would(engines: Engines, steps: list[Step]) -> None:
    url = engines.fresh_url("redis")

    async def both() -> None:
        expected, (answer,) = await played(one_process(), steps)
        async with shared(url, 2) as play:
            heard, answers = await played(play, steps)
            assert heard == expected
            assert answers == [answer, answer]

    asyncio.run(both())
    with Redis.from_url(url) as redis:
        assert redis.keys() == [], "workers that depart leave nothing behind"


@pytest.mark.anyio
async def test_whatever_happens_at_once_all_workers_tell_in_the_same_order(engines: Engines) -> None:
    async with shared(engines.fresh_url("redis"), 2) as play:
        for socket_id in SOCKETS[:2]:
            await play.do(("join", socket_id, "private-c", ""))
        first, second = play.exchanges
        events = [
            exchange.publish([Publish("private-c", json.dumps({"data": f"{n}"}), but=None)])
            for n in range(200)
            for exchange in (first, second)
        ]
        await asyncio.gather(*events)
        await play.answers()
        one, other = (play.heard[socket_id][1:] for socket_id in SOCKETS[:2])
        assert len(one) == 400
        assert one == other


@asynccontextmanager
async def hasty(url: str) -> AsyncIterator[tuple[RedisExchange, asyncio.Event]]:
    """Run a worker that does not wait long for Redis, and the event that its channels are lost."""
    lost = asyncio.Event()
    settings = replace(SETTINGS, worker_lease_s=0.3, redis_answer_s=0.2, redis_retry_s=0.05)
    exchange = RedisExchange(url, "7", settings, lambda _: None, lost.set, Counters(), dict)
    async with asyncio.timeout(DEADLINE_S), exchange.running():
        yield exchange, lost


@pytest.mark.anyio
async def test_a_redis_that_does_not_answer_counts_as_lost_until_it_does() -> None:
    with engine_folder() as folder, redis_server(folder) as engine:
        async with hasty(engine.url) as (exchange, lost):
            os.kill(engine.pid, signal.SIGSTOP)
            try:
                with pytest.raises(Unreachable):
                    await exchange.publish([Publish("private-c", "{}", but=None)])
                await lost.wait()
                with pytest.raises(Unreachable):
                    await exchange.counts(CHANNELS)
            finally:
                os.kill(engine.pid, signal.SIGCONT)
            assert await answered(exchange) == [Counts(0, 0)] * len(CHANNELS)


@pytest.mark.anyio
async def test_a_redis_that_takes_no_more_counts_as_lost_until_it_does(engines: Engines) -> None:
    url = engines.fresh_url("redis")
    async with hasty(url) as (exchange, lost):
        with Redis.from_url(url) as redis:
            redis.config_set("maxmemory", "1")
            try:
                with pytest.raises(Unreachable, match="maxmemory"):
                    await exchange.join(seat_of("1.1", "ann"))
                await lost.wait()
            finally:
                redis.config_set("maxmemory", "0")
        assert await answered(exchange) == [Counts(0, 0)] * len(CHANNELS)


@pytest.mark.anyio
async def test_a_worker_that_is_stopped_as_it_fails_stops(engines: Engines) -> None:
    url = engines.fresh_url("redis")
    async with asyncio.timeout(DEADLINE_S):
        with Redis.from_url(url) as redis, pytest.raises(Unreachable):
            async with hasty(url) as (exchange, _):
                redis.flushdb()
                await exchange.join(seat_of("1.1", "ann"))


@pytest.mark.anyio
async def test_a_newcomer_hears_of_every_change_that_its_list_does_not_count_in(engines: Engines) -> None:
    """Fold the notices into the list: whatever raced with the subscription, the result is who is there."""
    settings = replace(SETTINGS, members_max=100)
    async with shared(engines.fresh_url("redis"), 2) as play:
        for exchange in play.exchanges:
            assert isinstance(exchange, RedisExchange)
            exchange._settings = settings
        busy = [seat_of(f"{n}.2", f"user-{n}") for n in range(40)]
        await asyncio.gather(*(play.exchanges[0].join(join) for join in busy[:20]))
        await asyncio.gather(
            *(play.exchanges[0].leave([join.seat]) for join in busy[:10]),
            *(play.exchanges[1].join(seat_of(socket_id, "watcher")) for socket_id in SOCKETS),
            *(play.exchanges[0].join(join) for join in busy[20:]),
        )
        await play.answers()
        present = sorted(await play.exchanges[0].users("presence-a"))
        for socket_id in SOCKETS:
            assert sorted(folded(play.heard[socket_id])) == present


async def answered(exchange: Exchange) -> list[Counts]:
    """Ask until the exchange is reachable again."""
    while True:
        try:
            return await exchange.counts(CHANNELS)
        except Unreachable:
            await asyncio.sleep(0)


def seat_of(socket_id: str, user_id: str) -> Join:
    return Join(Seat(socket_id, "presence-a", Kind.PRESENCE, user_id), Member(user_id, Raw(b"null")))


def folded(frames: list[Any]) -> set[str]:
    """Return who is there, by the list and the notices after it; raises if a notice says what was known."""
    welcome, *notices = frames
    there = set(welcome["data"]["presence"]["ids"])
    for notice in notices:
        user_id = notice["data"]["user_id"]
        if notice["event"].endswith("member_added"):
            assert user_id not in there
            there.add(user_id)
        else:
            there.remove(user_id)
    return there
