"""Each transport on a serverless host: which work, which are cut, which fail, and what waiting costs."""

import asyncio
from typing import cast

import pytest

from clients.errors import ConnectionLost, Refused
from clients.pusher_adapter import Connection
from servers.core.wire import Kind
from servers.transports import TRANSPORTS, Transport
from tests.support.chat_harness import events, online, until
from tests.support.engines import Engines
from tests.support.serverless_host import (
    CLASSIC,
    CUTS,
    DEADLINE_S,
    FLUID,
    Hosted,
    cuts,
    hosted,
    longer_than,
    while_waiting,
)

pytestmark = pytest.mark.process
LIMIT_S = 1.0
CUT = {"long_polling": "timeouts", "server_sent_events": "cut_streams", "raw_websocket": "cut_sockets"}
"""The counter of cuts of each transport that waits at the host. The others do not wait there."""


@pytest.fixture
def store(engines: Engines) -> str:
    return engines.fresh_url("redis")


each_transport = pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda transport: transport.slug)


@each_transport
async def test_a_client_that_is_cut_repeatedly_loses_no_message(transport: Transport, store: str) -> None:
    profile = FLUID if transport.slug == "raw_websocket" else CLASSIC  # the most limited host that supports it
    async with (
        hosted(transport.slug, profile, store, "--hold", "30", max_duration_s=LIMIT_S) as function,
        function.chat.joined("Ada", "Bob") as (ada, bob),
    ):
        for number in range(2):
            await outlast_a_limit(function, transport.slug in CUT)
            await ada.send(str(number))
        received = await events(bob, 2, Kind.MESSAGE)
        billed = await function.bill()
    assert [event.body for event in received] == ["0", "1"]
    assert {cut for cut in CUTS if billed[cut]} == ({CUT[transport.slug]} if transport.slug in CUT else set())


async def outlast_a_limit(function: Hosted, waits: bool) -> None:
    """Wait until a request or connection has been cut; if none is held, wait for longer than the limit."""
    before = await function.bill()
    lasts = longer_than(1.5 * LIMIT_S, before)
    await function.until(lambda billed: cuts(billed) > cuts(before) if waits else lasts(billed))


async def test_a_raw_websocket_fails_on_a_host_without_upgrades(store: str) -> None:
    async with hosted("raw_websocket", CLASSIC, store) as function:
        with pytest.raises(Refused, match="404"):
            async with function.chat.joined("Ada"):
                pass
        billed = await function.bill()
    assert billed["upgrades_ignored"] == 1


async def test_a_long_poll_that_is_held_for_less_than_the_limit_is_never_cut(store: str) -> None:
    async with (
        hosted("long_polling", CLASSIC, store, "--hold", "0.3", max_duration_s=DEADLINE_S) as function,
        function.chat.joined("Ada", "Bob") as (ada, bob),
    ):
        joined = await function.bill()
        await function.until(lambda billed: billed["invocations"] > joined["invocations"] + 6)
        await ada.send("on time")
        assert [event.body for event in await events(bob, 1, Kind.MESSAGE)] == ["on time"]
        assert cuts(await function.bill()) == 0


@each_transport
async def test_a_held_request_or_connection_is_billed_while_it_waits(transport: Transport, store: str) -> None:
    async with hosted(transport.slug, FLUID, store) as function, function.chat.joined("Ada"):
        if transport.slug in CUT:
            before, after = await while_waiting(function.host, 1, 0.5)
            waited_s = after["invocation_s"] - before["invocation_s"]
            assert waited_s == pytest.approx(after["up_s"] - before["up_s"], rel=0.01)
        else:
            await function.until(lambda billed: billed["open_calls"] == 0)


@pytest.mark.parametrize("slug", ["raw_websocket", "server_sent_events"])
async def test_a_cut_connection_of_an_instance_in_use_makes_its_user_offline_and_online(slug: str, store: str) -> None:
    async with (
        hosted(slug, FLUID, store, max_duration_s=2 * LIMIT_S, instances_max=1) as function,
        function.chat.joined("Ada") as (ada,),
    ):
        bob = await function.chat.log_in("Bob")  # joins after Ada, so his connection is cut later
        async with bob:
            received = await events(bob, 2, Kind.PRESENCE)
    assert [(event.sender, event.body) for event in received] == [
        (ada.account.user, "offline"),
        (ada.account.user, "online"),
    ]


async def test_a_push_reaches_everybody_though_nothing_runs_between_requests(store: str) -> None:
    async with (
        hosted("pusher_adapter", CLASSIC, store, "--lease", "600") as function,
        function.chat.joined("Ada", "Bob") as (ada, bob),
    ):
        await ada.send("caught up")
        await events(bob, 1, Kind.MESSAGE)
        connections = [cast(Connection, client._connection) for client in (ada, bob)]
        await function.until(lambda _: all(connection._caught_up for connection in connections))
        before = (await function.host.get("/stats")).json()["requests"]
        await ada.send("pushed")
        assert [event.body for event in await events(bob, 1, Kind.MESSAGE)] == ["pushed"]
        after = (await function.host.get("/stats")).json()["requests"]
        await function.until(lambda billed: billed["open_calls"] == 0)
    assert {purpose: after[purpose] - before[purpose] for purpose in after} == {"send": 1, "receive": 0, "upkeep": 0}


async def test_an_expired_lease_is_noticed_by_the_heartbeat_of_another_user(store: str) -> None:
    async with (
        hosted("pusher_adapter", CLASSIC, store, "--lease", "1.5") as function,
        function.chat.joined("Ada") as (ada,),
    ):
        bob = await function.chat.log_in("Bob")
        await bob.__aenter__()
        await until(ada, lambda: len(online(ada)) == 2)
        assert bob._receiving is not None
        bob._receiving.cancel()  # as if his machine failed: no heartbeat, no leave
        await until(ada, lambda: online(ada) == {ada.account.name})
        await bob.close()


async def test_nobody_goes_offline_while_nobody_asks(store: str) -> None:
    async with hosted("short_polling", CLASSIC, store, "--lease", "0.5") as function:
        bob = await function.chat.log_in("Bob")
        joined = await bob._connection.open(None)
        await function.until(longer_than(1.5, await function.bill()))
        async with function.chat.joined("Ada") as (ada,):
            gone, came = (await ada._connection.http.read(joined.cursor)).events
        await bob.close()
    assert [(event.sender, event.body) for event in (gone, came)] == [
        (bob.account.user, "offline"),
        (ada.account.user, "online"),
    ]
    assert gone.at_ms - joined.members[0].last_seen_ms > 1500  # noticed a second after his lease had ended


async def test_a_throttled_client_retries_and_loses_nothing(store: str) -> None:
    async with (
        hosted("short_polling", CLASSIC, store, concurrency=2, instances_max=1) as function,
        function.chat.joined("Ada") as (ada,),
    ):
        acks = await asyncio.gather(*(ada.send(str(number)) for number in range(20)))
        received = await events(ada, 20, Kind.MESSAGE)
        billed = await function.bill()
    assert billed["throttled"] > 0
    assert {ack.seq for ack in acks} == {event.seq for event in received}
    assert sorted(int(event.body) for event in received) == list(range(20))


async def test_a_throttled_socket_may_be_retried(store: str) -> None:
    async with hosted("raw_websocket", FLUID, store, concurrency=1, instances_max=1) as function:
        ada, bob = [await function.chat.log_in(name) for name in ("Ada", "Bob")]
        async with ada:
            with pytest.raises(ConnectionLost, match="429"):
                await bob.__aenter__()


async def test_the_edge_counts_requests_by_purpose_and_commands_on_sockets(store: str) -> None:
    async with hosted("raw_websocket", FLUID, store) as function, function.chat.joined("Ada") as (ada,):
        await ada.send("one")
        await ada.typing()
        billed = (await function.host.get("/stats")).json()
        own = (await function.host.get("/host/stats")).json()
    assert billed["requests"] == {"send": 0, "receive": 0, "upkeep": 2}  # the log-in and the upgrade
    assert billed["command_frames"] == 2
    assert own["invocations"] == 3  # and the client's first request, for the transport
