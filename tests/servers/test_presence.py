"""Leases in one process, on a clock that the test moves: renewal, expiry, caches, and the waits that end with one."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import DEFAULT, AsyncMock, create_autospec, patch

import pytest

from servers.core.auth import Identity, Tokens
from servers.core.chat import Chat
from servers.core.errors import NotJoined, TooMany, Unavailable
from servers.core.held_lease import HeldLease
from servers.core.presence import Connection, Presence
from servers.core.settings import RenewedBy, Settings
from servers.core.store import Lease, Limits, Store, open_store
from servers.core.wire import Event, Kind
from servers.publisher import Publisher, PublishFailed
from servers.webhook_presence import WebhookPresence
from tests.support.clock import FakeClock
from tests.support.deadline import DEADLINE_S

ADA = Identity("ada", "Ada", expires_at_ms=1 << 60)
WINDOW = Connection("room", "ada", "Ada", "window")
BOB = Connection("room", "bob", "Bob", "window")
LEASE_S = 30.0
LATE_S = Settings(lease_s=LEASE_S).late_s
HOUR_S = 3600.0


@pytest.fixture
def touch(store: Store) -> Iterator[AsyncMock]:
    """The renewals that reach the store."""
    with patch.object(store, "touch", wraps=store.touch) as counted:
        yield counted


@pytest.fixture
def presence(store: Store, clock: FakeClock) -> Presence:
    return Presence(store, clock, Settings(lease_s=LEASE_S))


async def test_a_lease_is_renewed_thrice_at_most(presence: Presence, touch: AsyncMock, clock: FakeClock) -> None:
    await presence.join(WINDOW)
    for _ in range(60):
        clock.advance(0.5)
        await presence.renew(WINDOW)
    assert touch.await_count == 3


@pytest.mark.parametrize("early_s", [0.0, 0.1, LATE_S - 0.1])
async def test_two_heartbeats_may_be_lost(presence: Presence, store: Store, clock: FakeClock, early_s: float) -> None:
    chat = Chat(store, Tokens("secret", clock, HOUR_S), clock, Settings(lease_s=LEASE_S))
    await chat.join(ADA, "room", "window")
    for late_s in (0.0, (LATE_S - early_s) / 2):
        clock.advance(LEASE_S / 3 - early_s - late_s)
        await chat.heartbeat(ADA, "room", "window")
        clock.advance(LEASE_S + early_s + late_s)
        assert await presence.sweep() == []
        await chat.heartbeat(ADA, "room", "window")


async def test_a_sweep_returns_what_it_has_committed_though_parts_of_it_fail(
    presence: Presence, store: Store, clock: FakeClock, touch: AsyncMock, caplog: pytest.LogCaptureFixture
) -> None:
    await presence.join(WINDOW)
    clock.advance(2 * LEASE_S)
    assert [event.body for event in await presence.sweep()] == ["offline"]
    unavailable = Unavailable("store: gone")
    touch.side_effect = [ZeroDivisionError, unavailable, DEFAULT]
    with patch.object(store, "expire", side_effect=unavailable), ExitStack() as stack:
        for window in ("first", "second", WINDOW.id):
            stack.enter_context(presence.keep_online(WINDOW._replace(id=window)))
        assert [event.body for event in await presence.sweep()] == ["online"]
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


async def test_who_has_left_is_no_member_at_once(presence: Presence) -> None:
    await presence.join(WINDOW)
    await presence.require(ADA, "room")
    await presence.release(WINDOW)
    polls = presence.renew(WINDOW), presence.renew(WINDOW)
    refused = await asyncio.gather(presence.require(ADA, "room"), *polls, return_exceptions=True)
    assert [type(error) for error in refused] == 3 * [NotJoined]


async def test_a_membership_is_not_cached_if_its_user_left_meanwhile(presence: Presence, store: Store) -> None:
    async def respond_late(room: str, user: str) -> bool:
        response = await is_member(room, user)
        await presence.release(WINDOW)
        return response

    await presence.join(WINDOW)
    is_member = store.is_member
    with patch.object(store, "is_member", respond_late):
        await presence.require(ADA, "room")
    with pytest.raises(NotJoined):
        await presence.require(ADA, "room")


async def test_a_lease_is_due_if_the_clock_of_the_store_was_set_during_the_join(
    presence: Presence, store: Store, touch: AsyncMock
) -> None:
    async def join_late(lease: Lease, limits: Limits) -> Event | None:
        event = await join(lease, limits)
        with patch.object(store, "now_ms", AsyncMock(return_value=0)):
            await presence.sweep()
        return event

    join = store.join
    with patch.object(store, "join", join_late):
        await presence.join(WINDOW)
    await presence.renew(WINDOW)
    assert touch.await_count == 1


async def test_a_removed_lease_ends_what_it_holds(presence: Presence, store: Store, clock: FakeClock) -> None:
    await presence.join(WINDOW)
    with pytest.raises(NotJoined), presence.keep_online(WINDOW) as held:
        async with held.required(LEASE_S):
            await store.release(Lease(*WINDOW, clock.now_ms(), clock.now_ms()))
            clock.advance(LEASE_S / 3)
            await presence.sweep()
            await asyncio.Event().wait()


@pytest.mark.parametrize("on_demand", [False, True])
async def test_a_sweep_does_not_end_a_socket_whose_join_is_under_way(
    store: Store, clock: FakeClock, on_demand: bool
) -> None:
    async def join_late(lease: Lease, limits: Limits) -> Event | None:
        await chat._sweep_leases()
        return await join(lease, limits)

    chat = Chat(store, Tokens("secret", clock, HOUR_S), clock, Settings(lease_s=LEASE_S, on_demand=on_demand))
    join = store.join
    clock.advance(LEASE_S)  # on demand, a sweep is due before the join
    with patch.object(store, "join", join_late):
        async with chat.connected(ADA, "room", "window") as held:
            await chat.join(ADA, "room", "window", held.holder)
            assert not held.ended


async def test_who_went_offline_elsewhere_is_renewed_by_a_sweep(presence: Presence, touch: AsyncMock) -> None:
    await presence.join(WINDOW)
    with presence.keep_online(WINDOW):
        presence.on_foreign_event(Event("room", 1, Kind.PRESENCE, "ada", "Ada", "offline", 1))
        await presence.sweep()
    assert touch.await_count == 1


async def test_the_open_requests_of_one_connection_are_bounded(presence: Presence) -> None:
    await presence.join(WINDOW)
    with presence.keep_online(WINDOW), presence.keep_online(WINDOW):
        with pytest.raises(TooMany), presence.keep_online(WINDOW):
            pass
        with presence.keep_online(WINDOW._replace(id="another window")):
            pass


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
async def test_leases_end_on_time_though_the_clock_is_set(presence: Presence, clock: FakeClock, jump_s: float) -> None:
    await presence.join(WINDOW)
    await presence.join(BOB)
    clock.wrong_s += jump_s
    with presence.keep_online(WINDOW):
        assert await presence.sweep() == []
        clock.advance(LEASE_S / 3)
        assert await presence.sweep() == []
        clock.advance(LEASE_S + LATE_S)
        assert [(event.sender, event.body) for event in await presence.sweep()] == [("bob", "offline")]


@pytest.mark.parametrize("wrong_s", [HOUR_S, -HOUR_S])
async def test_leases_use_the_stores_clock(presence: Presence, store: Store, clock: FakeClock, wrong_s: float) -> None:
    elsewhere = Presence(store, FakeClock(wrong_s), Settings(lease_s=LEASE_S))
    await elsewhere.join(WINDOW)
    assert await presence.sweep() == []
    clock.advance(LEASE_S + LATE_S)
    assert [event.sender for event in await presence.sweep()] == ["ada"]


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
async def test_who_is_connected_stays_online_though_the_clock_of_the_store_is_set(
    presence: Presence, store: Store, clock: FakeClock, jump_s: float
) -> None:
    await presence.join(WINDOW)
    await presence.join(BOB)
    await presence.sweep()
    now_ms = store.now_ms

    async def set_ms() -> int:
        return await now_ms() + int(jump_s * 1000)

    with patch.object(store, "now_ms", set_ms), presence.keep_online(WINDOW):
        events = await presence.sweep()
        for _ in range(4):
            clock.advance(LEASE_S / 3)
            events += await presence.sweep()
    assert [(event.sender, event.body) for event in events] == [("bob", "offline")]


@pytest.mark.parametrize("set_s", [HOUR_S, -HOUR_S])
async def test_after_a_restart_leases_run_for_one_more_lease_whatever_the_clock_says(
    tmp_path: Path, presence: Presence, store: Store, clock: FakeClock, set_s: float
) -> None:
    await presence.join(WINDOW)
    await store.close()
    clock.wrong_s += set_s
    reopened = await open_store(f"sqlite:///{tmp_path}/chat.db", clock)
    again = Presence(reopened, clock, Settings(lease_s=LEASE_S))
    assert await again.sweep() == []
    clock.advance(LEASE_S + LATE_S - 1)
    assert await again.sweep() == []
    assert not await reopened.claim_name("Ada", "another", await again.now_ms(), 1 << 60)
    clock.advance(1)
    assert [event.body for event in await again.sweep()] == ["offline"]
    await reopened.close()


def caches(presence: Presence) -> list[int]:
    """Return how many entries each cache has."""
    return [len(cache) for cache in (presence._renewed_s, presence._member_until_s, presence._doubted_s)]


@patch("servers.core.presence.CACHED_MAX", 5)
async def test_the_caches_are_bounded_and_forget_the_oldest_and_what_has_expired(
    presence: Presence, touch: AsyncMock, clock: FakeClock
) -> None:
    for number in range(20):
        await presence.join(WINDOW._replace(room=f"room-{number}"))
        await presence.require(ADA, f"room-{number}")
        presence.on_foreign_event(Event(f"room-{number}", 1, Kind.PRESENCE, "bob", "Bob", "offline", 1))
    assert caches(presence) == [5, 5, 5]
    await presence.renew(WINDOW._replace(room="room-19"))
    assert touch.await_count == 0
    await presence.renew(WINDOW._replace(room="room-0"))
    assert touch.await_count == 1
    clock.advance(3 * LEASE_S)
    await presence.sweep()
    assert caches(presence) == [0, 0, 0]


async def test_a_sweep_confirms_presence_by_the_push_services_lists(store: Store, clock: FakeClock) -> None:
    settings = Settings(presence=RenewedBy.WEBHOOK)
    tokens = Tokens("secret", clock, 9e9)
    chat = Chat(store, tokens, clock, settings)
    ada, bob = (Identity(tokens.new_user(""), name, 1 << 60) for name in ("Ada", "Bob"))
    for user in (ada, bob):
        await chat.join(user, "room", "window")
    stranger = tokens.new_user("")
    listed = (f"{ada.user}.{1 << 60}.window.1.2", f"{stranger}.{1 << 60}.window.3.4", f"{bob.user}.1.window.5.6")
    publisher = create_autospec(Publisher)
    publisher.channels.return_value = ["presence-room-room"]
    publisher.members.return_value = [*listed, "of another application"]
    end = AsyncMock()
    chat.on_sweep = WebhookPresence(chat, publisher, end).confirm_all
    await chat._sweep_leases()
    ended = {call.args for call in end.await_args_list}
    assert ended == {("room", stranger), ("room", bob.user)}, "without a lease; with an expired token"
    clock.advance(settings.lease_s + settings.late_s)  # a join that is not confirmed lasts so long
    publisher.channels.side_effect = PublishFailed("the service cannot be reached")
    chat.on_sweep = WebhookPresence(chat, publisher, end).confirm_all  # of an API that was started again
    await chat._sweep_leases()
    assert {member.name: member.online for member in await store.members("room", 9)} == {"Ada": True, "Bob": False}
    clock.advance(settings.renewed_lease_s)
    await chat._sweep_leases()
    assert not any(member.online for member in await store.members("room", 9))


async def test_the_push_services_lists_are_read_once_at_a_time_and_few_together(store: Store, clock: FakeClock) -> None:
    chat = Chat(store, Tokens("secret", clock, 9e9), clock, Settings(presence=RenewedBy.WEBHOOK))
    running, most = 0, 0

    async def members(channel: str) -> list[str]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if publisher.channels.await_count == 1:
            await presence.confirm_all()  # which a renewal may cause
        await asyncio.sleep(0)
        running -= 1
        return []

    publisher = create_autospec(Publisher)
    publisher.channels.return_value = [f"presence-room-{number}" for number in range(1000)]
    publisher.members.side_effect = members
    presence = WebhookPresence(chat, publisher, AsyncMock())
    await presence.confirm_all()
    assert (publisher.channels.await_count, publisher.members.await_count) == (1, 1000)
    assert 1 < most <= 64


LONG_S = 10 * DEADLINE_S


async def test_the_end_of_a_lease_ends_every_wait_and_nothing_else() -> None:
    held = HeldLease()
    asyncio.get_running_loop().call_soon(held.end)
    for _ in range(2):
        with pytest.raises(NotJoined):
            async with held.required(LONG_S):
                await asyncio.Event().wait()
    async with held.required(LONG_S):
        pass  # a block that does not wait still ends normally
    late = HeldLease()
    async with late.required(LONG_S, grace_s=LONG_S):
        late.end()
        (ends_s,) = [block.when() for block in late.blocks]
        late.end()
        assert [block.when() for block in late.blocks] == [ends_s], "the grace begins once"
    with pytest.raises(TimeoutError):
        async with HeldLease().required(LONG_S):
            raise TimeoutError  # of the block itself


async def test_a_lease_can_end_in_the_turn_in_which_the_token_expires() -> None:
    held, ended = HeldLease(), asyncio.Event()

    def end() -> None:
        held.end()
        ended.set()

    with pytest.raises(NotJoined):
        async with held.required(0.0):
            asyncio.get_running_loop().call_soon(end)
            await asyncio.Event().wait()
    assert ended.is_set()
