"""Each transport on a serverless host: which work, which are cut, which fail, and what waiting costs."""

import asyncio
from typing import cast

import httpx
import pytest

from clients.errors import ConnectionLost, Refused
from clients.pusher_adapter import Connection
from servers.core.wire import Kind
from tests.support.chat_harness import deliver, events
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines
from tests.support.serverless_host import CLASSIC, FLUID, bill, hosted, longer_than, until, while_waiting

pytestmark = pytest.mark.process
LIMIT_S = 1.0
CUT = {"long_polling": "timeouts", "server_sent_events": "cut_streams", "raw_websocket": "cut_sockets"}
"""The counter of cuts of each transport that waits at the host. The others do not wait there."""


@pytest.fixture
def store(engines: Engines) -> str:
    return engines.fresh_url("redis")


async def until_next_cut(host: httpx.AsyncClient, cuts: str) -> None:
    before = await bill(host)
    await until(host, lambda billed: billed[cuts] > before[cuts])


@pytest.mark.parametrize(("slug", "cuts"), CUT.items(), ids=CUT)
async def test_a_client_that_is_cut_repeatedly_loses_no_message(slug: str, cuts: str, store: str) -> None:
    """A function that a host kills with a call says no goodbye, so that its client stays online."""
    profile = FLUID if slug == "raw_websocket" else CLASSIC  # the most limited host that supports it
    async with (
        hosted(slug, profile, store, "--hold", "30", "--lease", "30", max_duration_s=LIMIT_S) as function,
        function.joined("Ada", "Bob") as (ada, bob),
    ):
        for number in range(2):
            await until_next_cut(function.host, cuts)
            await ada.send(str(number))
        received = await events(bob, 2, *([] if profile is CLASSIC else [Kind.MESSAGE]))
    assert [(event.kind, event.body) for event in received] == [(Kind.MESSAGE, "0"), (Kind.MESSAGE, "1")]


async def test_a_raw_websocket_fails_on_a_host_without_upgrades(store: str) -> None:
    async with hosted("raw_websocket", CLASSIC, store) as function:
        with pytest.raises(Refused, match="404"):
            async with function.chat.joined("Ada"):
                pass
        billed = await bill(function.host)
    assert billed["upgrades_ignored"] == 1
    assert billed["invocations"] == 4, "for the transport, the log-in, the upgrade as a plain GET, and leaving"


async def test_a_long_poll_that_is_held_for_less_than_the_limit_is_never_cut(store: str) -> None:
    async with (
        hosted("long_polling", CLASSIC, store, "--hold", "0.3", max_duration_s=DEADLINE_S) as function,
        function.chat.joined("Ada", "Bob") as (ada, bob),
    ):
        joined = await bill(function.host)
        await until(function.host, lambda billed: billed["invocations"] > joined["invocations"] + 6)
        await deliver("on time", ada, bob)
        assert (await bill(function.host))["timeouts"] == 0


@pytest.mark.parametrize("slug", CUT)
async def test_a_held_request_or_connection_is_billed_while_it_waits(slug: str, store: str) -> None:
    async with hosted(slug, FLUID, store) as function, function.chat.joined("Ada"):
        before, after = await while_waiting(function.host, 0.5)
    waited_s = after["invocation_s"] - before["invocation_s"]
    assert waited_s == pytest.approx(after["up_s"] - before["up_s"], rel=0.01)


@pytest.mark.parametrize("slug", ["raw_websocket", "server_sent_events"])
async def test_a_cut_connection_of_an_instance_in_use_makes_its_user_offline_and_online(slug: str, store: str) -> None:
    async with (
        hosted(slug, FLUID, store, max_duration_s=2 * LIMIT_S) as function,
        function.joined("Ada", "Bob") as (ada, bob),
    ):
        seen: list[str] = []
        while seen[-2:] != ["offline", "online"]:
            (event,) = await events(bob, 1, Kind.PRESENCE)
            seen += [event.body] if event.sender == ada.account.user else []


@pytest.mark.parametrize("on_demand", [True, False], ids=["on-demand", "remembering"])
async def test_only_instances_that_remember_overlook_what_others_have_committed(on_demand: bool, store: str) -> None:
    """With `--on-demand` they remember nothing, and read all that was acknowledged."""
    async with (
        hosted("short_polling", CLASSIC, store, on_demand=on_demand) as function,
        function.chat.joined("Ada") as (ada,),
    ):
        after = ada.snapshot.cursor
        http = ada._connection.http
        await asyncio.gather(*(http.read(after) for _ in range(3)))  # now several instances have seen the room
        overlooked = 0  # by the next read
        for number in range(20):
            ack = await ada.send(f"message {number}")
            overlooked += ack.seq not in [event.seq for event in (await http.read(after)).events]
        assert (await bill(function.host))["cold_starts"] >= 2
    assert (overlooked == 0) == on_demand


async def test_a_push_reaches_everybody_though_nothing_runs_between_requests(store: str) -> None:
    async with (
        hosted("pusher_adapter", CLASSIC, store, "--lease", "600") as function,
        function.chat.joined("Ada", "Bob") as (ada, bob),
    ):
        await deliver("caught up", ada, bob)
        connections = [cast(Connection, client._connection) for client in (ada, bob)]
        await until(function.host, lambda _: all(connection._caught_up for connection in connections))
        before = (await function.host.get("/stats")).json()["requests"]
        await deliver("pushed", ada, bob)
        after = (await function.host.get("/stats")).json()["requests"]
        await until(function.host, lambda billed: billed["open_calls"] == 0)
    assert {purpose: after[purpose] - before[purpose] for purpose in after} == {"send": 1, "receive": 0, "upkeep": 0}


async def test_who_is_connected_to_the_push_service_stays_online_without_a_request(store: str) -> None:
    """The only user's client reads once in four leases; between two reads there are 1.5 leases without a call."""
    lease_s = 0.8
    options = ("--presence", "webhook", "--lease", str(lease_s))
    async with hosted("pusher_adapter", CLASSIC, store, *options) as function, function.joined("Ada") as (ada,):
        await deliver("she is there", ada, ada)
        before = await bill(function.host)
        async with asyncio.timeout(2 * DEADLINE_S):  # heartbeats would come in each such interval
            after = await until(function.host, longer_than(1.5 * lease_s, before))
            while after["invocations"] > before["invocations"]:
                before = after
                after = await until(function.host, longer_than(1.5 * lease_s, before))
        await ada.send("she still is")
        assert [event.body for event in await events(ada, 1)] == ["she still is"], "no notice that she had gone"


async def test_nobody_goes_offline_while_nobody_asks(store: str) -> None:
    async with hosted("short_polling", CLASSIC, store, "--lease", "0.5") as function:
        bob = await function.chat.log_in("Bob")
        joined = await bob._connection.open(None)
        await until(function.host, longer_than(1.5, await bill(function.host)))
        async with function.chat.joined("Ada") as (ada,):
            gone, came = (await ada._connection.http.read(joined.cursor)).events
        await bob.close()
    assert (gone.sender, gone.body, came.sender) == (bob.account.user, "offline", ada.account.user)
    assert gone.at_ms - joined.members[0].last_seen_ms > 1500  # noticed a second after his lease had ended


async def test_a_throttled_client_retries_and_loses_nothing(store: str) -> None:
    async with (
        hosted("short_polling", CLASSIC, store, concurrency=2, instances_max=1) as function,
        function.chat.joined("Ada") as (ada,),
    ):
        acks = await asyncio.gather(*(ada.send(str(number)) for number in range(20)))
        received = await events(ada, 20, Kind.MESSAGE)
        billed = await bill(function.host)
    assert billed["throttled"] > 0
    assert {ack.seq for ack in acks} == {event.seq for event in received}
    assert sorted(int(event.body) for event in received) == list(range(20))


async def test_a_throttled_socket_can_be_opened_once_an_instance_is_free(store: str) -> None:
    async with hosted("raw_websocket", FLUID, store, concurrency=1, instances_max=1) as function:
        ada, bob = [await function.chat.log_in(name) for name in ("Ada", "Bob")]
        async with ada:
            with pytest.raises(ConnectionLost, match="503"):
                await bob._connection.open(None)
        await until(function.host, lambda billed: billed["open_calls"] == 0)
        async with bob:
            pass


async def test_the_edge_counts_requests_by_purpose_and_commands_on_sockets(store: str) -> None:
    async with hosted("raw_websocket", FLUID, store) as function, function.chat.joined("Ada") as (ada,):
        await ada.send("one")
        await ada.typing()
        counted = (await function.host.get("/stats")).json()
        billed = await bill(function.host)
    assert counted["requests"] == {"send": 0, "receive": 0, "upkeep": 2}  # the log-in and the upgrade
    assert counted["command_frames"] == 2
    assert billed["invocations"] == 3  # and the client's first request, for the transport
