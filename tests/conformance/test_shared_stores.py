"""Two workers on one shared store, and what may happen to them: it costs time, and no acknowledged message."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import httpx
import pytest
import redis

from clients.conversation import ChatSession
from servers.core.wire import Ack, Kind
from servers.deploy.child_process import ChildProcess
from servers.deploy.empty_database import engine_folder
from servers.deploy.engines import Engine
from servers.transports import TRANSPORTS, Transport
from tests.support.chat_harness import DEADLINE_S, ChatHarness, deliver, events, online, serving, soon, until
from tests.support.engines import SHARED, Engines

pytestmark = pytest.mark.process
EACH = 25
LOADED = 20
"""Something happens once so many messages are acknowledged."""

PAIRS = [
    pytest.param(transport, store, id=f"{transport.slug}-{store}", marks=() if place % 2 == turn else pytest.mark.drill)
    for place, transport in enumerate(TRANSPORTS)
    for turn, store in enumerate(SHARED)
]
"""Every transport on each shared store; on one of the two outside `make drills`."""


@dataclass
class SharedServer:
    """Two workers, the engine under them, and a room."""

    engine: Engine
    running: ChildProcess
    harness: ChatHarness


@pytest.fixture(scope="module")
def engine_of() -> Iterator[Callable[[str], Engine]]:
    """Start each engine when it is first asked for; apart from those of the other tests, since these kill it."""
    with ExitStack() as stack:

        @cache
        def start(store: str) -> Engine:
            return stack.enter_context(SHARED[store](stack.enter_context(engine_folder())))

        yield start


@pytest.fixture
def shared(transport: Transport, store: str, engine_of: Callable[[str], Engine]) -> Iterator[SharedServer]:
    engine = engine_of(store)
    engine.kill()
    engine.start()  # by this thread: the kernel ends an engine together with the thread that started it
    with serving(transport, "--workers", "2", "--store", engine.fresh_url()) as running:
        yield SharedServer(engine, running, ChatHarness(transport, running.address))


def kill_worker(shared: SharedServer) -> None:
    os.kill(shared.running.facts["pids"]["api_2"], signal.SIGKILL)


def kill_store(shared: SharedServer) -> None:
    shared.engine.kill()
    shared.engine.start()


@pytest.mark.parametrize("kill", [kill_worker, kill_store])
@pytest.mark.parametrize(("transport", "store"), PAIRS)
async def test_a_kill_costs_nobody_a_message(shared: SharedServer, kill: Callable[[SharedServer], None]) -> None:
    """Let four users talk, kill something, and check that everyone has received all, once, in order."""
    acks: list[Ack] = []
    loaded = asyncio.Event()

    async def talk(client: ChatSession) -> None:
        for n in range(EACH):
            acks.append(await client.send(f"{client.account.name} {n}"))
            if len(acks) == LOADED:
                loaded.set()

    async with shared.harness.joined("Ada", "Bob", "Cyd", "Dan") as clients:
        talking = [asyncio.create_task(talk(client)) for client in clients]
        async with asyncio.timeout(3 * DEADLINE_S):
            await loaded.wait()
            await asyncio.to_thread(kill, shared)
            await asyncio.gather(*talking)
            logs = [await events(client, 4 * EACH, Kind.MESSAGE) for client in clients]
    assert logs[0] == logs[1] == logs[2] == logs[3]
    assert [event.seq for event in logs[0]] == sorted(ack.seq for ack in acks)
    assert len({event.body for event in logs[0]}) == 4 * EACH


async def test_after_its_redis_was_emptied_everyone_starts_over_in_the_new_log(
    transport: Transport, engines: Engines
) -> None:
    url = engines.fresh_url("redis")
    with serving(transport, "--workers", "2", "--store", url) as running:
        async with ChatHarness(transport, running.address).joined("Ada", "Bob") as (ada, bob):
            await deliver("lost", ada, bob)
            epoch = bob.snapshot.epoch
            with redis.Redis.from_url(url) as connection:
                connection.flushdb()
            await deliver("new", ada, bob)
            await until(bob, lambda: online(bob) == {ada.account.name, bob.account.name})
            assert bob.snapshot.epoch != epoch


@pytest.mark.parametrize(("transport", "store"), [pytest.param(TRANSPORTS[0], store, id=store) for store in SHARED])
async def test_without_its_store_a_server_responds_unavailable_and_keeps_running(shared: SharedServer) -> None:
    async with httpx.AsyncClient(base_url=shared.harness.address, trust_env=False, timeout=DEADLINE_S) as http:
        shared.engine.kill()
        refused = await http.post("/login", json={"name": "Ada"})
        assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
        assert (await http.get("/health")).is_success
        await asyncio.to_thread(shared.engine.start)
    ada = await soon(asyncio.ensure_future(shared.harness.log_in("Ada")))
    await ada.close()
