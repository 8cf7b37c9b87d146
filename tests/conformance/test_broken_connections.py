"""A connection that breaks, a server that stops and a store that is emptied cost time, but no acknowledged message.

On every transport. `tests/drills/` kills servers, workers and engines.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest
import redis

from clients.conversation import ChatSession
from clients.http_session import Options
from servers.core.wire import Kind
from servers.deploy.child_process import LOOPBACK, free_port
from servers.deploy.deployment_processes import webhook_of
from servers.deploy.empty_database import engine_folder
from servers.deploy.engines import ENGINES
from servers.deploy.relay import Relay
from servers.transports import TRANSPORTS, Transport
from tests.conformance.conftest import ServerOf, shared_by
from tests.support.chat_harness import OPTIONS, ChatHarness, deliver, events, online, serving, until
from tests.support.deadline import DEADLINE_S
from tests.support.deployments import TWO, AnyDeployment
from tests.support.engines import Engines
from tests.support.pusher_process import push_service, service_settings

pytestmark = pytest.mark.process
ON_REDIS = AnyDeployment("redis", TWO)
MISSED = 130
"""More than one page holds (100), so that catching up takes several."""


@pytest.fixture(scope="module")
def server(
    transport: Transport, deployment: AnyDeployment, server_of: ServerOf, engines: Engines
) -> Iterator["RelayableServer"]:
    """Return the server that the tests of one transport share."""
    if not transport.needs_push_service:
        yield RelayableServer(transport, server_of(transport, deployment).address, [])
        return
    port = free_port()
    webhook = webhook_of(["--presence", "webhook"], port)
    with socket.create_server((LOOPBACK, 0)) as listener, push_service("--webhook", webhook) as service:
        env = service_settings(f"http://{LOOPBACK}:{listener.getsockname()[1]}")
        with deployment.serving(transport, engines, "--port", str(port), env=env) as server:
            yield RelayableServer(transport, server.address, [(lambda: service.address, listener)])


@dataclass(frozen=True)
class RelayableServer:
    """A server and, if it needs one, a push service of its own, with the socket on which a relay must listen."""

    transport: Transport
    address: str
    services: list[tuple[Callable[[], str], socket.socket]]

    @asynccontextmanager
    async def relayed(self, options: Options = OPTIONS) -> AsyncIterator[tuple[ChatSession, ChatSession, list[Relay]]]:
        """Have Ada join directly, and Bob through relays, which cut him off together; the last is before the server."""
        async with AsyncExitStack() as stack:
            scheme, _, target = self.address.partition("://")
            relays = [*(Relay(*service) for service in self.services), Relay(lambda: target)]
            for relay in relays:
                await stack.enter_async_context(relay)
            direct = ChatHarness(self.transport, self.address)
            relayed = scheme + relays[-1].address.removeprefix("http")
            through = replace(direct, address=relayed, options=options)
            (ada,) = await stack.enter_async_context(direct.joined("Ada"))
            (bob,) = await stack.enter_async_context(through.joined("Bob"))
            yield ada, bob, relays


async def test_a_client_whose_connection_was_cut_resumes_where_it_was(server: RelayableServer) -> None:
    async with server.relayed() as (ada, bob, relays):
        await deliver("before", ada, bob)
        for relay in relays:
            relay.is_cut = True
        await asyncio.gather(*(ada.send(str(n)) for n in range(MISSED)))
        for relay in relays:
            relay.is_cut = False
        await ada.send("after")
        missed = await events(bob, MISSED + 1, Kind.MESSAGE)
    assert [event.seq for event in missed] == sorted(event.seq for event in missed)
    assert {event.body for event in missed} == {*map(str, range(MISSED)), "after"}
    assert missed[-1].body == "after"


async def test_a_message_sent_over_a_broken_connection_arrives_once(server: RelayableServer) -> None:
    async with server.relayed() as (ada, bob, relays):
        relays[-1].is_cut = True
        sending = asyncio.gather(bob.send("one"), bob.send("another"))
        relays[-1].is_cut = False
        await sending
        await ada.send("last")
        bodies = [event.body for event in await events(ada, 3, Kind.MESSAGE)]
    assert sorted(bodies[:2]) == ["another", "one"]
    assert bodies[2] == "last"


async def test_a_client_notices_that_nothing_is_passed_on_and_loses_no_message(server: RelayableServer) -> None:
    async with server.relayed(replace(OPTIONS, response_s=5.0)) as (ada, bob, relays):
        for relay in relays:
            relay.delay_s = 3600.0  # whatever is on its way now does not arrive
        sending = asyncio.ensure_future(bob.send("from Bob"))
        await ada.send("from Ada")
        for relay in relays:
            relay.delay_s = 0.0  # for new connections only: on an old one, bytes keep their order
        await asyncio.wait_for(sending, DEADLINE_S)
        received = {event.body for event in await events(bob, 2, Kind.MESSAGE)}
    assert received == {"from Ada", "from Bob"}


async def test_a_user_whose_connection_is_gone_goes_offline_and_comes_back(server: RelayableServer) -> None:
    async with server.relayed() as (ada, bob, relays):
        both = {ada.account.name, bob.account.name}
        await until(ada, lambda: online(ada) == both)
        for relay in relays:
            relay.is_cut = True
        await until(ada, lambda: online(ada) == {ada.account.name})
        for relay in relays:
            relay.is_cut = False
        await until(ada, lambda: online(ada) == both)


async def test_a_clean_stop_waits_neither_for_held_polls_nor_for_open_sockets(transport: Transport) -> None:
    with serving(transport, "--hold", str(10 * DEADLINE_S)) as server:
        async with ChatHarness(transport, server.address).joined("Ada", "Bob") as (ada, bob):
            await deliver("before", ada, bob)
            server.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(server.process.wait, DEADLINE_S) == 0


@pytest.mark.parametrize("deployment", [shared_by(str(ON_REDIS), ON_REDIS)], indirect=True)
async def test_clients_start_over_in_a_new_log_when_redis_was_emptied(harness: ChatHarness, engines: Engines) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        await deliver("lost", ada, bob)
        epoch = bob.snapshot.epoch
        with redis.Redis.from_url(engines.fresh_url("redis")) as connection:
            connection.flushall()  # the Redis of this process, whose other servers find themselves in a new log, too
        await deliver("new", ada, bob)
        await until(bob, lambda: online(bob) == {ada.account.name, bob.account.name})
        assert bob.snapshot.epoch != epoch


@pytest.mark.parametrize("store", ENGINES)
async def test_without_its_store_a_server_responds_unavailable_and_keeps_running(store: str) -> None:
    with (
        engine_folder() as folder,
        ENGINES[store](folder) as engine,
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
