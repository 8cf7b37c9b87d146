"""A line that breaks, a server that stops: it costs time, and nothing else, on every transport."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from servers.core.wire import Kind
from servers.deploy.processes import NotReady, Running, started
from servers.transports import Transport
from tests.conformance.conftest import Serve
from tests.conformance.relay import Relay
from tests.conformance.stage import DEADLINE_S, Stage, events, online, serving, until

pytestmark = pytest.mark.anyio
MISSED = 130
"""More than one page holds (100), so that catching up takes several."""


@asynccontextmanager
async def relayed(transport: Transport, serve: Serve) -> AsyncIterator[tuple[Stage, list[Relay]]]:
    """Run a server behind a relay, and its push service behind another: cut them, and every line of a client is cut."""
    with ExitStack() as stack:
        relays: list[Relay] = []
        env: dict[str, str] = {}
        if transport.needs_push_service:
            env = {"PUSHER_APP_ID": "1", "PUSHER_KEY": "key", "PUSHER_SECRET": secrets.token_hex(8)}
            service = stack.enter_context(started(["servers.pusher_service", "--port", "0"], env=env))
            relays.append(await Relay(service.address).__aenter__())
            env |= {"PUSHER_HOST": "127.0.0.1", "PUSHER_PORT": str(relays[0].port)}
        server = stack.enter_context(serve(env=env))
        relays.append(await Relay(server.address).__aenter__())
        try:
            yield Stage(transport, server.address), relays
        finally:
            for relay in relays:
                await relay.__aexit__()


async def test_a_client_whose_line_was_cut_resumes_where_it_was(transport: Transport, serve: Serve) -> None:
    async with (
        relayed(transport, serve) as (stage, relays),
        stage.joined("Ada") as (ada,),
        stage.joined("Bob", address=relays[-1].address) as (bob,),
    ):
        await ada.send("before")
        assert [event.body for event in await events(bob, 1, Kind.MESSAGE)] == ["before"]
        for relay in relays:
            relay.cut()
        await asyncio.gather(*(ada.send(str(n)) for n in range(MISSED)))
        for relay in relays:
            relay.mend()
        await ada.send("after")
        missed = await events(bob, MISSED + 1, Kind.MESSAGE)
    assert [event.seq for event in missed] == sorted(event.seq for event in missed)
    assert {event.body for event in missed} == {*map(str, range(MISSED)), "after"}
    assert missed[-1].body == "after"


async def test_a_message_sent_over_a_broken_line_arrives_once(transport: Transport, serve: Serve) -> None:
    async with (
        relayed(transport, serve) as (stage, relays),
        stage.joined("Ada") as (ada,),
        stage.joined("Bob", address=relays[-1].address) as (bob,),
    ):
        relays[-1].cut()
        sending = asyncio.gather(bob.send("through"), bob.send("the storm"))
        relays[-1].mend()
        await sending
        await ada.send("last")
        bodies = [event.body for event in await events(ada, 3, Kind.MESSAGE)]
    assert sorted(bodies[:2]) == ["the storm", "through"]
    assert bodies[2] == "last"


async def test_a_user_whose_line_is_gone_goes_offline_and_comes_back(transport: Transport, serve: Serve) -> None:
    async with (
        relayed(transport, serve) as (stage, relays),
        stage.joined("Ada") as (ada,),
        stage.joined("Bob", address=relays[-1].address) as (bob,),
    ):
        both = {ada.account.name, bob.account.name}
        await until(ada, lambda: online(ada) == both)
        relays[-1].cut()
        await until(ada, lambda: online(ada) == {ada.account.name})
        relays[-1].mend()
        await until(ada, lambda: online(ada) == both)


@contextmanager
def on_file(transport: Transport, path: Path, *more: str, port: int = 0) -> Iterator[Running]:
    with serving(transport, "--store", f"sqlite:///{path}", *more, port=port) as running:
        yield running


def port_of(running: Running) -> int:
    return int(running.address.rpartition(":")[2])


async def test_an_acknowledged_message_survives_a_killed_server(transport: Transport, tmp_path: Path) -> None:
    with on_file(transport, tmp_path / "chat.db") as first:
        stage = Stage(transport, first.address)
        async with stage.joined("Ada", "Bob") as (ada, bob):
            acks = await asyncio.gather(*(ada.send(str(n)) for n in range(20)))
            first.process.send_signal(signal.SIGKILL)
            first.process.wait()
            with on_file(transport, tmp_path / "chat.db", port=port_of(first)):
                await ada.send("after the restart")
                log = await events(bob, 21, Kind.MESSAGE)
    assert [event.seq for event in log[:20]] == sorted(ack.seq for ack in acks)
    assert log[-1].body == "after the restart"


async def test_a_clean_stop_waits_for_nobody(transport: Transport, tmp_path: Path) -> None:
    hold = ("--hold", str(10 * DEADLINE_S))  # parked polls would take all of it, open sockets for ever
    with on_file(transport, tmp_path / "chat.db", *hold) as first:
        async with Stage(transport, first.address).joined("Ada", "Bob") as (ada, bob):
            await ada.send("before")
            await events(bob, 1, Kind.MESSAGE)
            first.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(DEADLINE_S):
                status = await asyncio.to_thread(first.process.wait)
    assert status == 0


async def test_a_second_process_on_the_same_file_is_refused(transport: Transport, tmp_path: Path) -> None:
    with (
        on_file(transport, tmp_path / "chat.db"),
        pytest.raises(NotReady, match="ended with status 2"),
        on_file(transport, tmp_path / "chat.db"),
    ):
        pass
