"""What the terminal chat shows: lines, a toolbar, and nothing that controls the terminal."""

from dataclasses import replace
from datetime import datetime

import pytest
from prompt_toolkit.formatted_text import fragment_list_to_text

from clients.room_view import RoomView
from clients.terminal import RoomStatus, message_line
from servers import transports
from servers.core.wire import Account, Event, Kind, Member, Snapshot

NOON_MS = int(datetime(2026, 3, 3, 12, 0).timestamp() * 1000)
MINUTE_MS = 60_000
ADA = Account("u-ada", "Ada", "token", 0)
BOB = Member("u-bob", "Bob", True, NOON_MS)
CYD = Member("u-cyd", "Cyd", False, NOON_MS - 2 * MINUTE_MS)


def shown(text: str, name: str = "Bob", is_own: bool = False) -> str:
    event = Event("lobby", 5, Kind.MESSAGE, f"u-{name.lower()}", name, text, NOON_MS)
    return fragment_list_to_text(message_line(event, is_own))


def status(*members: Member, receipts: dict[str, int] | None = None, sent_seq: int = 0) -> RoomStatus:
    me = Member(ADA.user, "Ada", True, NOON_MS)
    view = RoomView(Snapshot("e1", 9, 30.0, (me, *members), receipts or {}, ()))
    return RoomStatus(transports.find("raw_websocket"), ADA, view, connected=True, sent_seq=sent_seq)


def toolbar(status: RoomStatus, now_s: float = 0.0) -> list[str]:
    return [line.strip() for line in fragment_list_to_text(status.toolbar(NOON_MS, now_s)).split("\n")]


@pytest.mark.parametrize(
    ("text", "name", "is_own", "line"),
    [
        ("hello", "Ada", True, "12:00        Ada ┃ hello"),
        ("hi", "李小龍", False, "12:00     李小龍 │ hi"),
        ("hi", "Maximiliane", False, "12:00 Maximiliane │ hi"),
        ("one\r\n\ttwo", "Bob", False, "12:00        Bob │ one\n                 │     two"),
    ],
    ids=["mine", "wide name", "long name", "lines"],
)
def test_a_message_shows_time_name_and_text(text: str, name: str, is_own: bool, line: str) -> None:
    assert shown(text, name, is_own) == line


@pytest.mark.parametrize("escape", ["\x1b[2J", "\x07", "\r", "\x9b1m", "\u202e"], ids=ascii)
def test_control_characters_of_a_message_are_replaced(escape: str) -> None:
    line = shown(f"a{escape}b")
    assert escape[0] not in line
    assert "a\N{REPLACEMENT CHARACTER}" in line


@pytest.mark.parametrize(
    ("room", "end"),
    [
        (status(BOB, receipts={"u-bob": 7}), "Raw WebSocket  ● connected"),
        (replace(status(), connected=False), "○ disconnected, retrying"),
        (replace(status(), sending=2), "sending 2"),
        (replace(status(), latency_ms=0.4), "seen after 0 ms"),
        (replace(status(), latency_ms=1940.0), "seen after 1.9 s"),
        (status(BOB, CYD, receipts={"u-ada": 7, "u-bob": 6}, sent_seq=7), "not read yet"),
        (status(BOB, CYD, receipts={"u-ada": 6, "u-bob": 7, "u-cyd": 8}, sent_seq=7), "read by Bob, Cyd"),
    ],
)
def test_the_toolbar_shows_connection_latency_and_who_has_read_my_last_message(room: RoomStatus, end: str) -> None:
    assert toolbar(room)[0].endswith(end)


def test_the_toolbar_shows_each_name_once_and_when_those_offline_were_last_seen() -> None:
    earlier = Member("u-bob-of-yesterday", "Bob", False, NOON_MS - 9 * MINUTE_MS)
    assert toolbar(status(CYD, earlier, BOB))[1] == "● Ada (you)  ● Bob  ○ Cyd, last seen 2 min ago"


def test_the_toolbar_shows_who_types_until_the_notice_expires_but_not_that_i_do() -> None:
    room = status(BOB)
    for user, name in ((ADA.user, "Ada"), (BOB.user, "Bob")):
        notice = Event("lobby", 10, Kind.TYPING, user, name, "started", NOON_MS, expires_at_ms=NOON_MS + 5000)
        room.view.apply([notice], now_s=0.0)
    assert toolbar(room)[0].endswith("Bob is typing…")
    assert "typing" not in toolbar(room, now_s=5.0)[0]
