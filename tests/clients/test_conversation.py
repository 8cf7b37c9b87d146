"""A conversation over a line that breaks: nothing is lost, nothing is said twice, and a refusal is heard."""

import asyncio
from dataclasses import dataclass, field
from typing import TypeVar
from unittest.mock import patch

import pytest

from clients.chat_client import Options
from clients.conversation import ChatSession
from clients.errors import ConnectionLost, Refused
from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Account, Ack, Cursor, Event, Kind, MarkRead, Page, Send, Snapshot, SocketCommand, Typing

pytestmark = pytest.mark.anyio
DEADLINE_S = 5.0
QUICK = Options(backoff_s=0.001, backoff_max_s=0.002)
ME = Account("u-ada", "Ada", "token", 0)
BROKEN = ConnectionLost("the cable was pulled")
GONE = Refused("unauthenticated", "the token has expired")
Answer = TypeVar("Answer")


def message(seq: int) -> Event:
    return Event("lobby", seq, Kind.MESSAGE, "u-bob", "Bob", f"message {seq}", seq)


def page(after: int, upto: int, epoch: str = "e1") -> Page:
    return Page(epoch, after, upto, tuple(message(seq) for seq in range(after + 1, upto + 1)))


def snapshot(epoch: str = "e1", head: int = 0, messages: tuple[Event, ...] = ()) -> Snapshot:
    return Snapshot(epoch, head, 30.0, (), {}, messages)


def scripted(script: list[Answer | Exception], otherwise: Answer) -> Answer:
    """Return or raise what the script has next."""
    answer = script.pop(0) if script else otherwise
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass
class FakeLine:
    """A scripted ChatConnection: what is put into `news` is received or raised; so are `openings`, `answers`."""

    news: asyncio.Queue[Page | Exception] = field(default_factory=asyncio.Queue)
    openings: list[Snapshot | Exception] = field(default_factory=list)
    answers: list[Ack | Exception] = field(default_factory=list)
    opened_from: list[Cursor | None] = field(default_factory=list)
    posted: list[SocketCommand] = field(default_factory=list)
    closed: bool = False

    async def open(self, inbox: Inbox | None) -> Snapshot:
        self.opened_from.append(inbox.cursor if inbox else None)
        return scripted(self.openings, snapshot())

    async def post(self, command: SocketCommand) -> Ack:
        self.posted.append(command)
        return scripted(self.answers, Ack(seq=1))

    async def receive(self, inbox: Inbox) -> Page:
        heard = await self.news.get()
        if isinstance(heard, Exception):
            raise heard
        return heard

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def line() -> FakeLine:
    return FakeLine()


def conversation(line: FakeLine) -> ChatSession:
    return ChatSession(ME, HttpSession("http://127.0.0.1:9", "lobby", QUICK), line)


async def heard(talk: ChatSession, count: int) -> list[int]:
    """Return the places in the log of the next events; raises what ends them."""
    coming = talk.events()
    async with asyncio.timeout(DEADLINE_S):
        return [(await anext(coming)).seq for _ in range(count)]


async def to_the_end(talk: ChatSession) -> list[Event]:
    return [event async for event in talk.events()]


async def test_a_send_is_repeated_under_the_same_client_id_until_it_is_acknowledged(line: FakeLine) -> None:
    line.answers = [BROKEN, BROKEN, Ack(seq=4, at_ms=7)]
    async with conversation(line) as talk:
        assert await talk.send("hello") == Ack(seq=4, at_ms=7)
    first, *again = line.posted
    assert isinstance(first, Send)
    assert first.client_id
    assert again == [first, first]


async def test_each_send_has_a_client_id_of_its_own(line: FakeLine) -> None:
    async with conversation(line) as talk:
        await talk.send("hello")
        await talk.send("hello")
    assert line.posted[0] != line.posted[1]


async def test_typing_and_receipts_are_commands_like_any_other(line: FakeLine) -> None:
    async with conversation(line) as talk:
        await talk.typing()
        await talk.typing(False)
        await talk.mark_read(9)
    assert line.posted == [Typing(True), Typing(False), MarkRead(9)]


async def test_a_send_is_given_up_in_the_end(line: FakeLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.conversation.GIVE_UP_S", 0.01)
    line.answers = [BROKEN] * 1000
    async with conversation(line) as talk:
        with pytest.raises(ConnectionLost, match="cable"):
            await talk.send("hello")


async def test_a_refused_send_is_not_repeated(line: FakeLine) -> None:
    line.answers = [Refused("too_large", "at most 4096 bytes")]
    async with conversation(line) as talk:
        with pytest.raises(Refused, match="too_large"):
            await talk.send("hello")
    assert len(line.posted) == 1


async def test_a_broken_line_is_opened_again_from_the_cursor(line: FakeLine) -> None:
    line.openings = [snapshot(), BROKEN, BROKEN, snapshot(head=5)]
    async with conversation(line) as talk:
        for news in (page(0, 2), BROKEN, page(1, 3)):
            line.news.put_nowait(news)
        assert await heard(talk, 3) == [1, 2, 3]
    assert line.opened_from == [None, *[Cursor("e1", 2)] * 3]


async def test_the_conversation_tells_whether_its_line_is_up(line: FakeLine) -> None:
    tried_again, mended = asyncio.Event(), asyncio.Event()

    async def open_when_mended(inbox: Inbox | None) -> Snapshot:
        tried_again.set()
        await mended.wait()
        return snapshot()

    async with asyncio.timeout(DEADLINE_S), conversation(line) as talk:
        assert talk.connected
        line.open = open_when_mended  # type: ignore[method-assign]
        line.news.put_nowait(BROKEN)
        await tried_again.wait()
        assert not talk.connected
        mended.set()
        line.news.put_nowait(page(0, 1))
        assert await heard(talk, 1) == [1]
        assert talk.connected


async def test_whoever_has_been_put_out_of_the_room_joins_again(line: FakeLine) -> None:
    async with conversation(line) as talk:
        line.news.put_nowait(Refused("not_joined", "the lease ran out"))
        line.news.put_nowait(page(0, 1))
        assert await heard(talk, 1) == [1]
    assert line.opened_from == [None, Cursor("e1", 0)]


async def test_lines_of_ours_that_the_server_still_counts_are_waited_for(line: FakeLine) -> None:
    too_many = Refused("too_many", "two of your lines are open")
    line.openings = [snapshot(), too_many, too_many]
    async with conversation(line) as talk:
        line.news.put_nowait(BROKEN)
        line.news.put_nowait(page(0, 1))
        assert await heard(talk, 1) == [1]
    assert len(line.opened_from) == 4


async def test_a_refusal_ends_the_events_after_what_came_before_it(line: FakeLine) -> None:
    async with conversation(line) as talk:
        line.news.put_nowait(page(0, 2))
        line.news.put_nowait(GONE)
        assert await heard(talk, 2) == [1, 2]
        with pytest.raises(Refused, match="unauthenticated"):
            await heard(talk, 1)
        assert not talk.connected


async def test_a_refusal_while_coming_back_ends_the_events(line: FakeLine) -> None:
    line.openings = [snapshot(), BROKEN, GONE]
    async with conversation(line) as talk:
        line.news.put_nowait(BROKEN)
        with pytest.raises(Refused, match="unauthenticated"):
            await heard(talk, 1)


async def test_an_error_that_nobody_expected_reaches_the_reader(line: FakeLine) -> None:
    async with conversation(line) as talk:
        line.news.put_nowait(KeyError("a bug"))
        with pytest.raises(KeyError, match="a bug"):
            await heard(talk, 1)


async def test_the_view_knows_an_event_before_the_reader_does(line: FakeLine) -> None:
    online = Event("lobby", 1, Kind.PRESENCE, "u-bob", "Bob", "online", 5)
    async with conversation(line) as talk:
        line.news.put_nowait(Page("e1", 0, 1, (online,)))
        await heard(talk, 1)
        assert [member.name for member in talk.members()] == ["Bob"]


async def test_a_lost_log_is_joined_anew_and_its_messages_are_told(line: FakeLine) -> None:
    line.openings = [snapshot(head=9), snapshot("e2", 2, (message(1), message(2)))]
    async with conversation(line) as talk:
        line.news.put_nowait(page(0, 1, epoch="e2"))
        line.news.put_nowait(page(2, 3, epoch="e2"))
        assert await heard(talk, 3) == [1, 2, 3]
        assert talk.inbox.cursor == Cursor("e2", 3)
    assert line.opened_from == [None, None]


async def test_leaving_closes_the_line_and_ends_the_events(line: FakeLine) -> None:
    async with conversation(line) as talk:
        reading = asyncio.create_task(to_the_end(talk))
    assert await asyncio.wait_for(reading, DEADLINE_S) == []
    assert line.closed


async def test_a_line_that_is_down_does_not_keep_anybody_from_leaving(line: FakeLine) -> None:
    with patch.object(line, "close", side_effect=BROKEN) as close:
        async with conversation(line):
            pass
    close.assert_awaited_once()


async def test_a_refused_joining_lets_go_of_every_connection(line: FakeLine) -> None:
    line.openings = [Refused("too_many", "8 connections")]
    with patch.object(HttpSession, "close") as close, pytest.raises(Refused, match="too_many"):
        await conversation(line).__aenter__()
    close.assert_awaited_once()
