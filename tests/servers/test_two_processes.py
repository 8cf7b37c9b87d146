"""One chat in two processes, or in two instances of a function: what one of them commits, the other must see."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from unittest.mock import AsyncMock, patch

import pytest

from servers.core.auth import Identity, Tokens
from servers.core.chat import PUBLISHED_AT_ONCE, Chat
from servers.core.clock import Clock, SystemClock
from servers.core.errors import NotJoined, Unavailable
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.wire import Cursor, Event, Page, Send
from servers.deploy.engines import ENGINES
from tests.support.clock import FakeClock
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines
from tests.support.stores import opened

ON_DEMAND = Settings(on_demand=True)
ADA = Identity("ada", "Ada", expires_at_ms=1 << 60)
BOB = Identity("b0b", "Bob", expires_at_ms=1 << 60)


@asynccontextmanager
async def running(stores: Sequence[Store], clock: Clock, settings: Settings) -> AsyncIterator[tuple[Chat, Chat]]:
    one, other = (Chat(store, Tokens("secret", clock, 1e6), clock, settings) for store in stores)
    async with one.running(), other.running():
        yield one, other


@pytest.fixture
async def instances(store: Store, clock: FakeClock) -> AsyncIterator[tuple[Chat, Chat]]:
    """Return two chats over one store, which leave nothing for later, and remember nothing."""
    async with running((store, store), clock, ON_DEMAND) as found:
        yield found


@pytest.fixture(params=["instances", *(pytest.param(scheme, marks=pytest.mark.process) for scheme in ENGINES)])
async def chats(
    request: pytest.FixtureRequest, engines: Engines, instances: tuple[Chat, Chat]
) -> AsyncIterator[tuple[Chat, Chat]]:
    """Return two chats over one database, as two processes would have them, or two instances of a function."""
    if request.param == "instances":
        yield instances
        return
    async with opened(engines.fresh_url(request.param)) as stores, running(stores, SystemClock(), Settings()) as found:
        yield found


async def test_a_cursor_of_one_process_is_valid_at_the_other_before_it_has_the_event(chats: tuple[Chat, Chat]) -> None:
    one, other = chats
    await one.join(ADA, "room", "window")
    await other.read("room", Cursor(other.epoch, 0))
    for n in range(20):
        ack = await one.execute(ADA, "room", Send(str(n), "hello"))
        page = await other.read("room", Cursor(one.epoch, ack.seq))
        assert page.next.seq >= ack.seq
        if other.settings.on_demand:  # then each read goes to the store, and finds what another instance committed
            assert (await other.heartbeat(ADA, "room", "window")).cursor.seq == ack.seq
            assert (await other.read("room", Cursor(one.epoch, 0))).next.seq == ack.seq


async def test_a_user_who_leaves_at_one_process_is_a_member_at_neither(chats: tuple[Chat, Chat]) -> None:
    one, other = chats
    await one.join(BOB, "room", "window")
    snapshot = await one.join(ADA, "room", "window")
    await other.require_member(ADA, "room")
    await other.read("room", snapshot.cursor)
    waiting = asyncio.create_task(other.wait_and_read("room", snapshot.cursor, DEADLINE_S))
    await one.leave(ADA, "room", "window")
    assert (await waiting).count == 1
    for chat in chats:
        with pytest.raises(NotJoined):
            await chat.require_member(ADA, "room")


async def test_only_the_newest_stream_of_a_connection_releases_its_lease(chats: tuple[Chat, Chat]) -> None:
    one, _ = chats
    window = BOB, "room", "window"
    for newer in chats:  # where the client joins again while its old stream is still open here
        await one.join(*window)
        async with one.connected(*window) as old:
            await one.renew_lease(*window, 0.0, old.holder)
            await newer.join(*window)
            assert await one.leave(*window, old.holder) is None, "before the newer stream opens"
            async with newer.connected(*window) as held:
                await newer.renew_lease(*window, 0.0, held.holder)
                await one.renew_lease(*window, 0.0)  # which does not move the connection
                assert await one.leave(*window, old.holder) is None
                assert not held.ended
        with pytest.raises(NotJoined):
            await one.require_member(BOB, "room")
    with patch.object(one._store, "release", side_effect=Unavailable("store: gone")):
        async with one.connected(*window):
            pass  # it ends without an error, since the lease expires


async def test_a_cursor_of_a_log_that_was_lost_a_moment_ago_starts_over(instances: tuple[Chat, Chat]) -> None:
    one, _ = instances
    lost, new = Cursor(one.epoch, 5), Cursor("new", 0)
    reads = patch.object(one._store, "read", AsyncMock(return_value=Page.empty(new)))
    with reads, patch.object(one._store, "head", AsyncMock(return_value=new)):
        assert (await one.read("room", lost)).next == new


async def test_an_expired_lease_is_published_by_another_request(instances: tuple[Chat, Chat], clock: FakeClock) -> None:
    one, _ = instances
    for identity in (ADA, BOB):
        await one.join(identity, "room", "window")
    one.on_commit = published = AsyncMock()
    clock.advance(ON_DEMAND.lease_s + ON_DEMAND.late_s - 1)
    await one.heartbeat(ADA, "room", "window")
    clock.advance(ON_DEMAND.sweep_s)
    await one.heartbeat(ADA, "room", "window")
    events = [call.args[0] for call in published.await_args_list]
    assert [(event.sender, event.body) for event in events] == [(BOB.user, "offline")]


async def test_departures_are_published_beside_each_other_up_to_a_bound(store: Store, clock: FakeClock) -> None:
    chat = Chat(store, Tokens("secret", clock, 1e6), clock, ON_DEMAND)
    for number in range(2 * PUBLISHED_AT_ONCE):
        await chat.join(Identity(f"{number:04x}", f"User {number}", ADA.expires_at_ms), "room", "window")
    begun: list[int] = []
    running = 0

    async def publish(event: Event) -> None:
        nonlocal running
        running += 1
        begun.append(running)
        await asyncio.sleep(0)
        running -= 1

    chat.on_commit = publish
    clock.advance(2 * ON_DEMAND.lease_s)
    await chat._sweep_leases()
    assert (len(begun), max(begun)) == (2 * PUBLISHED_AT_ONCE, PUBLISHED_AT_ONCE)
