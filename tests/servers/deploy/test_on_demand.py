"""Two chats over one store, as two instances of a function are: nothing is left for later, and nothing remembered."""

from collections.abc import AsyncIterator

import pytest

from servers.core.auth import Identity, Tokens
from servers.core.chat import Chat
from servers.core.errors import NotJoined
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.wire import Cursor, Event, Leave, Page, Send, decode
from tests.support.clock import FakeClock

SETTINGS = Settings(on_demand=True)
ADA = Identity("ada", "Ada", expires_at_ms=1 << 60)
BOB = Identity("bob", "Bob", expires_at_ms=1 << 60)


@pytest.fixture
async def chats(store: Store, clock: FakeClock) -> AsyncIterator[tuple[Chat, Chat]]:
    one, other = (Chat(store, Tokens("secret", clock, 1e6), clock, SETTINGS) for _ in range(2))
    async with one.running(), other.running():
        yield one, other


async def read(chat: Chat, after: Cursor) -> list[str]:
    """Return the bodies of what follows the cursor."""
    return [event.body for event in decode((await chat.read("room", after)).body, type=Page).events]


async def test_what_another_instance_has_committed_is_read_at_once(chats: tuple[Chat, Chat]) -> None:
    one, other = chats
    after = (await one.join(ADA, "room", "window")).cursor
    assert await read(other, after) == []
    for number in range(10):
        await one.execute(ADA, "room", Send(str(number), str(number)))
        assert (await read(other, after))[-1] == str(number)
        assert (await other.heartbeat(ADA, "room", "window")).cursor.seq == after.seq + number + 1


async def test_a_user_who_leaves_on_one_instance_has_left_on_all(chats: tuple[Chat, Chat]) -> None:
    one, other = chats
    await one.join(ADA, "room", "window")
    await other.execute(ADA, "room", Send("1", "still there"))
    await one.execute(ADA, "room", Leave("window"))
    with pytest.raises(NotJoined):
        await other.execute(ADA, "room", Send("2", "gone"))


async def test_an_expired_lease_is_published_within_another_request(chats: tuple[Chat, Chat], clock: FakeClock) -> None:
    one, _ = chats
    committed: list[Event] = []

    async def on_commit(event: Event) -> None:
        committed.append(event)

    one.on_commit = on_commit
    for identity in (ADA, BOB):
        await one.join(identity, "room", "window")
    committed.clear()
    clock.advance(SETTINGS.lease_s + SETTINGS.late_s - 1)
    await one.heartbeat(ADA, "room", "window")
    clock.advance(SETTINGS.sweep_s)
    await one.heartbeat(ADA, "room", "window")
    assert [(event.sender, event.body) for event in committed] == [("bob", "offline")]
