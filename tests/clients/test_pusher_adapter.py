"""The adapter's client: a heartbeat goes beside the pages, and its response says whether one was lost."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from clients import pusher_adapter
from clients.errors import ConnectionLost
from clients.http_session import Options
from clients.inbox import Inbox
from clients.pusher_frames import Frame
from clients.pusher_socket import PusherSubscription
from servers.core.wire import Head, Page, Snapshot
from tests.clients.test_inbox import page
from tests.support.deadline import DEADLINE_S

AT_ONCE = Snapshot("e1", 0, 0.003, (), {}, ())
"""With so short a lease, a heartbeat is due as soon as the client receives."""


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[Page]:
    """Have the client's subscription stand at once, and receive the pages that are put into this queue."""
    pages: asyncio.Queue[Page] = asyncio.Queue()
    ready = AsyncMock(return_value=True)
    subscription = Mock(spec=PusherSubscription, silence_s=0.0, receive=pages.get, ready=ready)
    monkeypatch.setattr(pusher_adapter, "PusherSubscription", lambda http: subscription)
    return pages


def http_session(heartbeat: Any) -> Mock:
    """Return an HTTP session that has nothing new to read. heartbeat: a mock, or a function to await."""
    join, read = AsyncMock(return_value=AT_ONCE), AsyncMock(return_value=page(0, 0))
    return Mock(options=Options(gap_s=0.01), join=join, read=read, heartbeat=heartbeat)


async def caught_up(http: Mock) -> tuple[pusher_adapter.Connection, Inbox]:
    """Return a connection that has read once after subscribing, and its inbox."""
    connection, inbox = pusher_adapter.Connection(http), Inbox(AT_ONCE.cursor)
    await connection.open(inbox)
    assert await connection.receive(inbox) == page(0, 0)
    await asyncio.sleep(AT_ONCE.lease_s)  # longer than the interval of heartbeats: one is due, on any machine
    return connection, inbox


async def test_a_pushed_page_does_not_wait_for_the_response_to_a_heartbeat(pushed: asyncio.Queue[Page]) -> None:
    asked = asyncio.Event()

    async def never_answered() -> Head:
        asked.set()
        return await asyncio.Future[Head]()

    connection, inbox = await caught_up(http_session(heartbeat=never_answered))
    async with asyncio.timeout(DEADLINE_S):
        receiving = asyncio.create_task(connection.receive(inbox))
        await asked.wait()
        pushed.put_nowait(page(0, 1))
        assert await receiving == page(0, 1)
        await connection.disconnect()


@pytest.mark.parametrize("head", [Head("e1", 1), Head("e2", 0)], ids=["later", "of a new log"])
async def test_the_client_reads_when_a_heartbeats_response_names_another_head(
    pushed: asyncio.Queue[Page], head: Head
) -> None:
    connection, inbox = await caught_up(http_session(heartbeat=AsyncMock(return_value=head)))
    connection.http.read = AsyncMock(return_value=page(0, 1))  # type: ignore[method-assign]
    async with asyncio.timeout(DEADLINE_S):
        assert await connection.receive(inbox) == page(0, 1)


async def test_pages_that_have_arrived_come_before_the_head_that_a_response_names(pushed: asyncio.Queue[Page]) -> None:
    sent = asyncio.Semaphore(0)

    async def heartbeat() -> Head:
        sent.release()
        return Head("e1", 2)

    http = http_session(heartbeat=heartbeat)
    connection, inbox = await caught_up(http)
    for seq in (0, 1):
        pushed.put_nowait(page(seq, seq + 1))
    async with asyncio.timeout(DEADLINE_S):
        for _ in range(2):
            inbox.feed(await connection.receive(inbox))
            await asyncio.sleep(0)  # in which the response arrives
        receiving = asyncio.create_task(connection.receive(inbox))
        for _ in range(3):  # a response is looked at before the next heartbeat is sent
            await sent.acquire()
        receiving.cancel()
        await connection.disconnect()
    assert inbox.cursor.seq == 2
    assert http.read.await_count == 1, "only the first read: the pages came in time"


@pytest.mark.parametrize("data", ["hello", '{"text": "hello"}', {"text": "hello"}], ids=str)
async def test_an_event_that_only_bears_the_name_of_a_page_is_a_lost_connection(data: object) -> None:
    subscription = PusherSubscription(Mock(options=Options()))
    socket = Mock(receive=AsyncMock(return_value=Frame("page", data)))
    subscription._attempt = asyncio.create_task(AsyncMock(return_value=socket)())
    assert await subscription.ready(DEADLINE_S)
    with pytest.raises(ConnectionLost, match="push service: "):
        await subscription.receive()


async def test_a_heartbeat_that_is_lost_ends_the_connection(pushed: asyncio.Queue[Page]) -> None:
    connection, inbox = await caught_up(http_session(heartbeat=AsyncMock(side_effect=ConnectionLost("pulled"))))
    with pytest.raises(ConnectionLost, match="pulled"):
        async with asyncio.timeout(DEADLINE_S):
            await connection.receive(inbox)
