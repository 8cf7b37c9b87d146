"""What clients that never read cost a server: a bounded number of bytes each, and nothing once they are gone."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from unittest.mock import AsyncMock, Mock

import pytest
from starlette.types import Message

from servers.asgi_extensions import SocketWriter, TextFrame
from servers.core.auth import Tokens
from servers.core.chat import Chat
from servers.core.held_lease import HeldLease
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.wire import Cursor, Join, Page, Send, decode, encode
from servers.event_stream import PING, EventStream
from servers.pusher_service.limits import Limits
from servers.pusher_service.sockets import Outbox
from servers.raw_websocket import create_app
from servers.serving import HttpSettings
from tests.servers.test_hostile_bytes import frame
from tests.support.clock import FakeClock
from tests.support.deadline import DEADLINE_S
from tests.support.guest import narrow_socket
from tests.support.listener import UPGRADE, Listener, serving_in_process

SOCKETS, USERS, MESSAGES = 24, 3, 60
BYTES_EACH = 512 * 1024
RESIDUE_EACH = 64 * 1024
LONGEST = "\x01" * 4096  # six times as long in JSON
SETTINGS = Settings()


@pytest.fixture
async def chat(store: Store, clock: FakeClock) -> AsyncIterator[Chat]:
    chat = Chat(store, Tokens("secret", clock, 3600), clock, SETTINGS)
    async with chat.running():
        yield chat


async def connect(stack: ExitStack, listener: Listener, join: bytes) -> None:
    """Open a WebSocket and join; nothing is ever read but the first bytes of the handshake's response."""
    client = stack.enter_context(narrow_socket(f"http://127.0.0.1:{listener.port}"))
    client.sendall(UPGRADE.format("/rooms/room/socket").encode() + b"\r\n")
    await asyncio.to_thread(client.recv, 4)
    client.sendall(frame(join))


async def settled_bytes() -> int:
    """Return the traced memory once it has not changed for a while."""
    async with asyncio.timeout(DEADLINE_S):
        before = -1
        while before != (now := tracemalloc.get_traced_memory()[0] // 10_000):
            before = now
            await asyncio.sleep(0.3)
    return tracemalloc.get_traced_memory()[0]


async def test_an_unread_socket_takes_bounded_memory_and_none_once_it_is_gone(chat: Chat) -> None:
    async with serving_in_process(create_app(chat, SETTINGS), HttpSettings()) as listener:
        tokens = [(await chat.log_in(f"user {n}")).token for n in range(USERS)]
        ada = chat.verify(tokens[0])
        head = (await chat.join(ada, "room", "first")).cursor
        for n in range(MESSAGES):
            await chat.execute(ada, "room", Send(str(n), LONGEST))
        cursors = [str(Cursor(head.epoch, head.seq + n)) for n in range(SOCKETS)]
        joins = [encode(Join(f"window-{n}", tokens[n % USERS], after)) for n, after in enumerate(cursors)]
        unread, left = list[int](), list[int]()
        tracemalloc.start()
        gc.collect()
        gc.disable()  # a connection must release its memory without the garbage collector
        try:
            for _ in range(2):
                with ExitStack() as stack:
                    for join in joins:
                        await connect(stack, listener, join)
                    unread.append(await settled_bytes())
                left.append(await settled_bytes())
        finally:
            gc.enable()
            tracemalloc.stop()
        assert BYTES_EACH / 8 < unread[0] / SOCKETS < BYTES_EACH
        assert left[1] - left[0] < SOCKETS * RESIDUE_EACH  # the pages that all sockets share are in both


async def test_pages_snapshots_and_history_are_bounded_in_bytes_and_skip_no_event(chat: Chat) -> None:
    ada = chat.verify((await chat.log_in("Ada")).token)
    after = (await chat.join(ada, "room", "first")).cursor
    for n in range(MESSAGES):
        await chat.execute(ada, "room", Send(str(n), LONGEST))
    snapshot = await chat.join(ada, "room", "second")
    assert 0 < len(encode(snapshot.messages)) <= SETTINGS.page_bytes_max + 1024
    assert snapshot.messages[-1].body == LONGEST
    seqs: list[int] = []
    while (page := await chat.read("room", after)).count:
        assert len(page.body) <= SETTINGS.page_bytes_max + 1024
        seqs += [event.seq for event in decode(page.body, type=Page).events]
        after = page.next
    assert seqs == list(range(seqs[0], seqs[0] + MESSAGES))
    before = seqs[-1] + 1
    while history := await chat.history(ada, "room", before, SETTINGS.page_max):
        assert history[-1].seq == before - 1
        before = history[0].seq
    assert before == seqs[0]


async def test_a_backlog_of_a_push_service_is_bounded_in_bytes() -> None:
    limits = Limits()
    unread = Mock(SocketWriter, push=Mock(return_value=False), drain=asyncio.Event().wait)
    on_closing = Mock()
    outbox = Outbox(unread, limits, on_closing)
    accepted = 0
    while outbox.put(TextFrame(b"x" * 10_000)):
        accepted += 1
    outbox.stop()
    assert accepted == limits.backlog_bytes_max // 10_000
    on_closing.assert_called_once_with()


@pytest.mark.parametrize("ends_with", ["lease", "token", "silence"])
async def test_a_stream_whose_client_reads_nothing_ends_with_its_lease_its_token_or_silence(ends_with: str) -> None:
    held = HeldLease()
    is_over = asyncio.Event()
    cleanup = AsyncExitStack()
    cleanup.callback(is_over.set)

    async def pages() -> AsyncIterator[bytes]:
        yield PING

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            if ends_with == "lease":
                held.end()
            await asyncio.Event().wait()

    receive = AsyncMock(side_effect=asyncio.Event().wait)  # the client stays
    limit = held.required(0.01 if ends_with == "token" else 10 * DEADLINE_S)
    stream = EventStream(pages(), 0.01 if ends_with == "silence" else 10 * DEADLINE_S, limit, cleanup)
    await asyncio.wait_for(stream({"type": "http", "method": "GET"}, receive, send), DEADLINE_S)
    assert is_over.is_set()
