"""Two workers on one shared store that loses all, or is down; `tests/drills/` kills a worker, and an engine."""

import asyncio

import httpx
import pytest
import redis

from servers.deploy.empty_database import engine_folder
from servers.transports import TRANSPORTS, Transport
from tests.support.chat_harness import DEADLINE_S, ChatHarness, deliver, online, serving, until
from tests.support.engines import SHARED, Engines

pytestmark = pytest.mark.process


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


@pytest.mark.parametrize("store", SHARED)
async def test_without_its_store_a_server_responds_unavailable_and_keeps_running(store: str) -> None:
    with (
        engine_folder() as folder,
        SHARED[store](folder) as engine,
        serving(TRANSPORTS[0], "--workers", "2", "--store", engine.fresh_url()) as running,
    ):
        async with httpx.AsyncClient(base_url=running.address, trust_env=False, timeout=DEADLINE_S) as http:
            engine.kill()
            refused = await http.post("/login", json={"name": "Ada"})
            assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
            assert (await http.get("/health")).is_success
            engine.start()  # by this thread: the kernel ends an engine together with the thread that started it
        ada = await asyncio.wait_for(ChatHarness(TRANSPORTS[0], running.address).log_in("Ada"), DEADLINE_S)
        await ada.close()
