"""What the terminal chat shows: lines that hang, toolbars that fit, and nothing that steers the terminal."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from clients.room_view import RoomView
from clients.terminal import NAME_COLOURS, Fragments, Look, Standing, ago, fitted, listed, name_colour, visible, wrapped
from servers import transports
from servers.core.wire import Account, Event, Kind, Member, Snapshot

NOON_MS = int(datetime(2026, 3, 3, 12, 0, tzinfo=UTC).timestamp() * 1000)
MINUTE_MS = 60_000
ADA = Account("u-ada", "Ada", "token", 0)
SOCKET = transports.find("raw_websocket")
WIDE = Look(ADA, columns=80, zone=UTC)
NARROW = Look(ADA, columns=40, zone=UTC)
PIPE = Look(ADA, zone=UTC)


def said(text: str, name: str = "Bob", at_ms: int = NOON_MS) -> Event:
    return Event("lobby", 5, Kind.MESSAGE, f"u-{name.lower()}", name, text, at_ms)


def text_of(shown: Fragments) -> str:
    return "".join(text for _, text in shown)


def standing(*members: Member, receipts: dict[str, int] | None = None, sent_seq: int = 0) -> Standing:
    me = Member(ADA.user, "Ada", True, NOON_MS)
    view = RoomView(Snapshot("e1", 9, 30.0, (me, *members), receipts or {}, ()))
    return Standing(SOCKET, ADA, view, connected=True, sent_seq=sent_seq)


def toolbar(status: Standing, columns: int = 100, now_ms: int = NOON_MS) -> list[str]:
    return [line.strip() for line in text_of(status.toolbar(now_ms, columns)).split("\n")]


BOB = Member("u-bob", "Bob", True, NOON_MS)
CYD = Member("u-cyd", "Cyd", False, NOON_MS - 2 * MINUTE_MS)


def test_a_message_shows_its_time_its_name_and_its_text() -> None:
    assert text_of(WIDE.message(said("hello"))) == "12:00        Bob │ hello"


def test_my_own_message_stands_behind_another_bar() -> None:
    assert text_of(WIDE.message(said("hello", name="Ada"))) == "12:00        Ada ┃ hello"


def test_a_long_message_hangs_below_its_first_line() -> None:
    assert text_of(NARROW.message(said("what a long line for so narrow a screen"))).split("\n") == [
        "12:00      Bob │ what a long line for so",
        "               │ narrow a screen",
    ]


def test_an_address_is_not_broken() -> None:
    address = "https://example.org/a-rather-long-address/without-a-space"
    assert address in text_of(NARROW.message(said(address)))


def test_lines_are_measured_in_cells() -> None:
    assert wrapped("你好 hello", 10) == ["你好 hello"]
    assert wrapped("你好 hello", 9) == ["你好", "hello"]


def test_in_a_pipe_a_message_is_one_line_without_padding() -> None:
    assert text_of(PIPE.message(said("word " * 50))) == "12:00 Bob │ " + "word " * 50


def test_a_message_of_several_lines_keeps_them() -> None:
    assert wrapped("one\n\ntwo", 20) == ["one", "", "two"]
    assert text_of(PIPE.message(said("one\ntwo"))) == "12:00 Bob │ one\n          │ two"


def test_a_message_under_way_has_no_time_until_it_is_acknowledged() -> None:
    assert text_of(WIDE.pending("hello", 0)) == "             Ada ┊ hello"
    assert text_of(WIDE.pending("hello", NOON_MS)) == "12:00        Ada ┊ hello"


def test_a_notice_stands_in_the_column_of_the_texts() -> None:
    assert text_of(WIDE.notice("Bob is online", NOON_MS)) == "12:00            · Bob is online"


def test_a_wide_name_is_measured_in_cells_and_a_long_one_cut() -> None:
    assert text_of(WIDE.message(said("hi", name="李小龍"))) == "12:00     李小龍 │ hi"
    assert text_of(WIDE.message(said("hi", name="Maximiliane"))) == "12:00 Maximilia… │ hi"


@pytest.mark.parametrize("escape", ["\x1b[2J", "\x07", "\r", "\x9b1m", "\u202e"], ids=ascii)
def test_nobody_steers_my_terminal_with_a_message(escape: str) -> None:
    shown = text_of(WIDE.message(said(f"a{escape}b")))
    assert escape[0] not in shown
    assert "a\N{REPLACEMENT CHARACTER}" in shown


def test_windows_line_ends_and_tabs_are_welcome() -> None:
    assert visible("a\r\n\tb") == "a\n    b"


def test_the_day_is_written_out() -> None:
    assert WIDE.day(NOON_MS) == "Tuesday, 3 March 2026"


def test_a_name_has_one_colour_however_it_is_written() -> None:
    assert name_colour("Ada") == name_colour("ADA")
    assert len({name_colour(f"user {n}") for n in range(200)}) == len(NAME_COLOURS)


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", NAME_COLOURS)
def test_every_name_is_readable_on_black_and_on_white(colour: str) -> None:
    assert min(1.05 / (luminance(colour) + 0.05), (luminance(colour) + 0.05) / 0.05) >= 4.4


def test_the_toolbar_tells_the_transport_and_that_the_line_is_up() -> None:
    assert toolbar(standing()) == ["Raw WebSocket  ● connected", "● Ada (you)"]


@pytest.mark.parametrize(("took_ms", "told"), [(0.4, "0 ms"), (12.0, "12 ms"), (1940.0, "1.9 s")])
def test_the_toolbar_tells_how_long_the_last_message_took(took_ms: float, told: str) -> None:
    assert toolbar(replace(standing(), took_ms=took_ms))[0].endswith(f"seen after {told}")


def test_the_toolbar_tells_when_the_line_is_down() -> None:
    assert "○ disconnected, retrying" in toolbar(replace(standing(), connected=False))[0]


def test_the_toolbar_tells_who_is_here_and_since_when_others_are_away() -> None:
    assert toolbar(standing(CYD, BOB))[1] == "● Ada (you)  ● Bob  ○ Cyd, 2 min ago"


def test_those_away_stand_in_the_order_in_which_they_were_last_seen() -> None:
    first, later = Member("u-1", "Dan", False, NOON_MS - 9 * MINUTE_MS), Member("u-2", "Eve", False, NOON_MS)
    assert toolbar(standing(first, CYD, later))[1] == "● Ada (you)  ○ Eve, just now  ○ Cyd, 2 min ago  ○ Dan, 9 min ago"


def test_a_name_that_two_users_had_stands_once_and_online() -> None:
    earlier = Member("u-bob-of-yesterday", "Bob", False, NOON_MS - 9 * MINUTE_MS)
    assert toolbar(standing(earlier, BOB))[1] == "● Ada (you)  ● Bob"


def test_the_toolbar_tells_who_types_until_the_notice_expires_but_not_that_i_do() -> None:
    status = standing(BOB)
    for user, name in ((ADA.user, "Ada"), (BOB.user, "Bob")):
        notice = Event("lobby", 10, Kind.TYPING, user, name, "started", NOON_MS, expires_at_ms=NOON_MS + 5000)
        status.view.apply([notice])
    assert toolbar(status)[0].endswith("Bob is typing…")
    assert "typing" not in toolbar(status, now_ms=NOON_MS + 5000)[0]


@pytest.mark.parametrize(
    ("receipts", "told"),
    [({}, "not read yet"), ({"u-ada": 7, "u-bob": 6}, "not read yet"), ({"u-bob": 7}, "read by Bob")],
)
def test_the_toolbar_tells_who_has_read_my_last_message(receipts: dict[str, int], told: str) -> None:
    assert toolbar(standing(BOB, receipts=receipts, sent_seq=7))[0].endswith(told)


def test_without_a_message_of_mine_nothing_is_said_about_reading() -> None:
    assert "read" not in toolbar(standing(BOB, receipts={"u-bob": 7}))[0]


@pytest.mark.parametrize("columns", [20, 40, 60])
def test_the_toolbar_has_two_lines_that_fit_the_screen(columns: int) -> None:
    crowd = [Member(f"u-{n}", f"Somebody {n}", n % 2 == 0, NOON_MS) for n in range(30)]
    lines = text_of(standing(*crowd, sent_seq=7).toolbar(NOON_MS, columns)).split("\n")
    assert [len(line) <= columns for line in lines] == [True, True]
    assert lines[1].endswith("…")


def test_who_tells_everyone_and_when_they_were_last_seen() -> None:
    assert standing(BOB, CYD).who(NOON_MS) == ["Ada: you", "Bob: online", "Cyd: last seen 2 min ago"]


@pytest.mark.parametrize(
    ("silent_s", "told"),
    [
        (-5, "just now"),
        (0.9, "just now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7199, "1 h ago"),
        (86_400, "1 day ago"),
        (200_000, "2 days ago"),
    ],
)
def test_a_time_past_is_told_in_its_largest_unit(silent_s: float, told: str) -> None:
    assert ago(int(silent_s * 1000)) == told


def test_names_are_listed_as_one_says_them() -> None:
    assert [listed(names) for names in (["A"], ["A", "B"], ["A", "B", "C"])] == ["A", "A and B", "A, B and C"]


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    assert text_of(fitted([("", "ab"), ("bold", "cd")], 4)) == "abcd"
    assert text_of(fitted([("", "ab"), ("bold", "cd")], 3)) == "ab…"
