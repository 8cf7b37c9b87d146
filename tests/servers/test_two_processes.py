"""One chat in two processes: what one of them commits, the other must see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from servers.core.auth import Identity, Tokens
from servers.core.chat import Chat
from servers.core.clock import SystemClock
from servers.core.errors import NotJoined
from servers.core.settings import Settings
from servers.core.store import open_store
from servers.core.wire import Cursor, Send
from tests.support.engines import SHARED, Engines

pytestmark = pytest.mark.process
DEADLINE_S = 10.0
ADA = Identity("ada", "Ada", expires_at_ms=1 << 60)
BOB = Identity("bob", "Bob", expires_at_ms=1 << 60)


@pytest.fixture(params=SHARED)
async def chats(request: pytest.FixtureRequest, engines: Engines) -> AsyncIterator[list[Chat]]:
    """Return two chats over one database, as two processes would have them."""
    clock, url = SystemClock(), engines.fresh_url(request.param)
    async with AsyncExitStack() as stack:
        found = [Chat(await open_store(url), Tokens("secret", clock, 60.0), clock, Settings()) for _ in range(2)]
        for chat in found:
            await stack.enter_async_context(chat.running())
        yield found


async def test_a_cursor_of_one_process_is_valid_at_the_other_before_it_has_the_event(chats: list[Chat]) -> None:
    one, other = chats
    await one.join(ADA, "room", "window")
    await other.read("room", Cursor(other.epoch, 0))
    for n in range(20):
        ack = await one.execute(ADA, "room", Send(str(n), "hello"))
        page = await other.read("room", Cursor(one.epoch, ack.seq))
        assert page.next.seq >= ack.seq


async def test_who_leaves_at_one_process_is_a_stranger_at_the_other(chats: list[Chat]) -> None:
    one, other = chats
    await one.join(BOB, "room", "window")
    snapshot = await one.join(ADA, "room", "window")
    await other.require_member(ADA, "room")
    await other.read("room", snapshot.cursor)
    waiting = asyncio.create_task(other.wait_and_read("room", snapshot.cursor, DEADLINE_S))
    await one.leave(ADA, "room", "window")
    assert (await waiting).count == 1
    with pytest.raises(NotJoined):
        await other.require_member(ADA, "room")
