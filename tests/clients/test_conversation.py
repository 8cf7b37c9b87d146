"""A chat session whose connection fails: its pauses, refusals, bounds and end. In conformance: nothing is lost."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from unittest.mock import AsyncMock, Mock, call, patch

import anyio
import httpx
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve

from clients.chat_socket import ChatSocket, close_websocket
from clients.connection import ChatConnection
from clients.conversation import ChatSession
from clients.errors import ConnectionLost, Refused, refused
from clients.http_session import HttpSession, Options, refusal
from clients.inbox import Inbox
from servers.core.wire import Account, Ack, Page, Refusal, Snapshot
from tests.clients.test_inbox import page
from tests.support.deadline import DEADLINE_S

RETRY_AFTER_S = 0.2
QUICK = Options(backoff_s=0.001, backoff_max_s=0.002)
BROKEN = ConnectionLost("the cable was pulled")
GONE = Refused("unauthenticated", "the token has expired")
BUG = KeyError("a bug")


@pytest.fixture
def connection() -> Mock:
    """Return a connection whose methods succeed unless a test changes that. pages: what it receives, or raises."""
    pages: asyncio.Queue[Page | Exception] = asyncio.Queue()

    async def receive(inbox: Inbox) -> Page:
        received = await pages.get()
        if isinstance(received, Exception):
            raise received
        return received

    return Mock(
        spec=ChatConnection,
        http=HttpSession("http://127.0.0.1:9", "lobby", QUICK),
        open=AsyncMock(return_value=Snapshot("e1", 0, 30.0, (), {}, ())),
        post=AsyncMock(return_value=Ack(seq=1)),
        pages=pages,
        receive=receive,
        pause=lambda until, heartbeat_s: until.wait(),
    )


def deliver(connection: Mock, *pages: Page | Exception) -> None:
    for one in pages:
        connection.pages.put_nowait(one)


def new_session(connection: Mock) -> ChatSession:
    return ChatSession(Account("u-ada", "Ada", "token", 0), connection.http, connection)


@pytest.fixture
async def session(connection: Mock) -> AsyncIterator[ChatSession]:
    async with new_session(connection) as joined:
        yield joined


async def next_seqs(session: ChatSession, count: int) -> list[int]:
    """Return the sequence numbers of the next events; raises what ends them."""
    events = session.events()
    async with asyncio.timeout(DEADLINE_S):
        return [(await anext(events)).seq for _ in range(count)]


async def run_other_tasks() -> None:
    """Let the session receive until it waits for its reader: nothing else that it awaits takes time here."""
    for _ in range(100):
        await asyncio.sleep(0)


@patch("clients.conversation.GIVE_UP_S", 0.01)
async def test_a_send_is_given_up_in_the_end(session: ChatSession, connection: Mock) -> None:
    connection.post.side_effect = BROKEN
    with pytest.raises(ConnectionLost, match="cable"):
        await session.send("hello")


async def test_a_typing_notice_that_fails_is_not_repeated(session: ChatSession, connection: Mock) -> None:
    connection.post.side_effect = BROKEN
    with pytest.raises(ConnectionLost):
        await session.typing()
    assert connection.post.await_count == 1


async def test_a_message_that_a_new_log_still_has_is_delivered_once(session: ChatSession, connection: Mock) -> None:
    kept, new = (replace(page(seq - 1, seq).events[0], client_id=str(seq)) for seq in (1, 2))
    connection.open.side_effect = [Snapshot("e2", 2, 30.0, (), {}, (kept, new))]
    deliver(connection, Page("e1", 0, 1, (kept,)), Page("e2", 2, 2, ()))
    assert await next_seqs(session, 2) == [1, 2]


@pytest.mark.parametrize("code", ["too_many", "unavailable"])
async def test_no_retry_is_sooner_than_asked(session: ChatSession, connection: Mock, code: str) -> None:
    connection.post.side_effect = [refused(Refusal(code, "the detail", retry_after_s=RETRY_AFTER_S)), Ack(seq=4)]
    started_s = asyncio.get_running_loop().time()
    await session.send("hello")
    assert asyncio.get_running_loop().time() - started_s >= RETRY_AFTER_S


@pytest.mark.parametrize(("header", "after_s"), [("7", 7), ("Fri, 31 Dec 1999 23:59:59 GMT", 0), ("9" * 400, 60)])
async def test_a_host_before_the_server_says_when_to_try_again_within_a_minute(header: str, after_s: float) -> None:
    request = httpx.Request("GET", "http://127.0.0.1/")
    for status in (408, 425, 429):
        error = refusal(httpx.Response(status, headers={"Retry-After": header}, request=request))
        assert (type(error), error.retry_after_s) == (ConnectionLost, after_s)


async def test_the_back_off_is_reset_only_by_a_page_and_not_by_an_opened_connection(connection: Mock) -> None:
    backoff = Mock(next_s=Mock(return_value=0.0))
    with patch("clients.conversation.Backoff", return_value=backoff):
        session = new_session(connection)
    async with session:
        deliver(connection, BROKEN, BROKEN, page(0, 1), BROKEN, page(1, 2))
        assert await next_seqs(session, 2) == [1, 2]
    assert backoff.mock_calls[:4] == [call.next_s(), call.next_s(), call.reset(), call.next_s()]


async def test_the_session_knows_whether_it_is_connected(session: ChatSession, connection: Mock) -> None:
    assert session.connected
    connection.open.side_effect = BROKEN
    deliver(connection, BROKEN)
    await run_other_tasks()
    assert not session.connected
    connection.open.side_effect = None
    deliver(connection, page(0, 1))
    assert await next_seqs(session, 1) == [1]
    assert session.connected


@pytest.mark.parametrize("failures", [[GONE], [BROKEN, BROKEN, GONE], [BUG]], ids=str)
async def test_an_error_ends_the_events_after_those_before_it(
    session: ChatSession, connection: Mock, failures: list[Exception]
) -> None:
    connection.open.side_effect = failures[1:]
    deliver(connection, page(0, 2), failures[0])
    assert await next_seqs(session, 2) == [1, 2]
    with pytest.raises(type(failures[-1]), match=str(failures[-1])):
        await next_seqs(session, 1)
    assert not session.connected


@patch("clients.conversation.UNREAD_MAX", 2)
async def test_an_unread_session_stops_receiving_and_loses_nothing(connection: Mock) -> None:
    async with new_session(connection) as session:
        deliver(connection, page(0, 4), page(4, 5))
        await run_other_tasks()
        assert connection.pages.qsize() == 1
        assert await next_seqs(session, 5) == [1, 2, 3, 4, 5]
        deliver(connection, page(5, 8))
        await run_other_tasks()
    assert await next_seqs(session, 3) == [6, 7, 8]
    with pytest.raises(StopAsyncIteration):
        await next_seqs(session, 1)


@pytest.mark.parametrize("effect", [BROKEN, asyncio.Event().wait], ids=["lost connection", "silent server"])
@patch("clients.conversation.LEAVE_S", 0.01)
async def test_a_failed_or_silent_goodbye_does_not_block_leaving(connection: Mock, effect: object) -> None:
    connection.leave.side_effect = effect
    async with asyncio.timeout(DEADLINE_S), new_session(connection):
        pass
    connection.leave.assert_awaited_once()


@patch("clients.cancellation.REPEATED_S", 0.01)
async def test_a_session_ends_though_a_timeout_has_swallowed_the_cancellation(connection: Mock) -> None:
    async def receive(inbox: Inbox) -> Page:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        connection.receive = Mock(side_effect=lambda _: asyncio.Event().wait())
        raise ConnectionLost("the request timed out")

    connection.receive = receive
    async with asyncio.timeout(DEADLINE_S), new_session(connection):
        await run_other_tasks()
    connection.leave.assert_awaited_once()


async def test_a_refused_join_closes_every_connection(connection: Mock) -> None:
    connection.open.side_effect = Refused("too_large", "no such room")
    with patch.object(HttpSession, "close") as close, pytest.raises(Refused, match="too_large"):
        await new_session(connection).__aenter__()
    close.assert_awaited_once()


def address_of(server: Server) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_unread_frames_do_not_delay_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    all_sent = asyncio.Event()

    async def send_all(socket: ServerConnection) -> None:
        for _ in range(200):  # `websockets` stops reading when 16 wait unread
            await socket.send("{}")
        all_sent.set()
        await socket.wait_closed()

    monkeypatch.setattr("clients.chat_socket.CLOSE_S", 10 * DEADLINE_S)
    async with serve(send_all, "127.0.0.1", 0) as server:
        socket = await ChatSocket.connect(address_of(server), DEADLINE_S)
        async with asyncio.timeout(DEADLINE_S):
            await all_sent.wait()
            await socket.close()


async def test_a_frame_that_is_none_of_the_chats_is_a_lost_connection() -> None:
    async def send_other(socket: ServerConnection) -> None:
        await socket.send('{"type": "of another server"}')
        await socket.wait_closed()

    async with serve(send_other, "127.0.0.1", 0) as server:
        socket = await ChatSocket.connect(address_of(server), DEADLINE_S)
        with pytest.raises(ConnectionLost, match="expected a frame of the chat"):
            await socket.receive_page()
        await socket.close()


@pytest.mark.parametrize("error", [httpx.ReadError("reset"), anyio.EndOfStream(), ssl.SSLError("bad record")])
async def test_whatever_breaks_an_http_connection_is_a_lost_connection(error: Exception) -> None:
    session = HttpSession("https://chat.test", "room", QUICK)
    broken = AsyncMock(side_effect=error)
    with patch("httpx.AsyncHTTPTransport.handle_async_request", broken), pytest.raises(ConnectionLost):
        await session.heartbeat()
    await session.close()


async def test_closing_does_not_wait_for_a_server_that_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.chat_socket.CLOSE_S", 0.01)
    released = asyncio.Event()

    async def read_nothing(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await socket.send("{}")
        await released.wait()
        socket.transport.abort()

    async with serve(read_nothing, "127.0.0.1", 0) as server:
        socket = await connect(address_of(server), proxy=None, close_timeout=10 * DEADLINE_S)
        await socket.recv()
        async with asyncio.timeout(DEADLINE_S):
            await close_websocket(socket)
        released.set()
