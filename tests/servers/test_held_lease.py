"""What is waited for under a lease ends with the lease and with the token, even if it is a send that waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from starlette.types import Message

from servers.core.errors import NotJoined
from servers.core.held_lease import HeldLease
from servers.event_stream import PING, EventStream

LONG_S = 60.0
DEADLINE_S = 10.0


async def test_the_end_of_a_lease_ends_every_wait_and_nothing_else() -> None:
    held = HeldLease()
    asyncio.get_running_loop().call_soon(held.end)
    for _ in range(2):
        with pytest.raises(NotJoined):
            async with held.required(LONG_S):
                await asyncio.Event().wait()
    async with held.required(LONG_S):
        pass  # what does not wait still goes out
    with pytest.raises(TimeoutError):
        async with HeldLease().required(LONG_S):
            raise TimeoutError  # of the block itself


@pytest.mark.parametrize("ends_with", ["lease", "token", "silence"])
async def test_a_stream_whose_send_waits_ends_all_the_same(ends_with: str) -> None:
    held, cleanup = HeldLease(), AsyncExitStack()
    is_over = asyncio.Event()
    cleanup.callback(is_over.set)

    async def pages() -> AsyncIterator[bytes]:
        yield PING

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            if ends_with == "lease":
                held.end()
            await asyncio.Event().wait()

    limit = held.required(0.01 if ends_with == "token" else LONG_S)
    stream = EventStream(pages(), 0.01 if ends_with == "silence" else LONG_S, limit, cleanup)
    async with asyncio.timeout(DEADLINE_S):
        await stream({"type": "http", "method": "GET"}, receive, send)
    assert is_over.is_set()
