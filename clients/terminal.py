"""What the terminal chat shows: functions from events and views to styled text.

Teaches that a chat window shows two things: the log, a line per message, and in a toolbar the state that follows from
the log. Nothing here reads a clock or a screen's size; times are those of the local time zone.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from clients.room_view import RoomView
from servers.core.wire import Account, Event, Member
from servers.transports import Transport

NAME_COLOURS = ("#e12d2d", "#ae6319", "#787811", "#148a14", "#138669", "#177ea1", "#446ce4", "#994ce6", "#d61fa8")
"""Each has a contrast of at least 4.4:1 on black and on white: a program cannot know a terminal's background."""
STYLE = Style.from_dict(
    {
        "quiet": "#808080",
        "error": "#e12d2d",
        "bottom-toolbar": "noreverse bg:#2b2b2b #d0d0d0",
        "badge": "bold #ffffff",
        "connected": "#7fd48a",
        "broken": "bold #ffb454",
        "away": "#a0a0a0",
    }
)
TIME_COLUMNS = 6
NAME_COLUMNS = 10
UNITS_S = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def message_line(event: Event, is_own: bool) -> StyleAndTextTuples:
    """Return a committed message; the user's own has a bold name and a bar of the same colour."""
    colour = NAME_COLOURS[crc32(event.name.casefold().encode()) % len(NAME_COLOURS)]
    name_style = f"bold {colour}" if is_own else colour
    bar = (colour, "┃ ") if is_own else ("class:quiet", "│ ")
    return _line(event.at_ms, (name_style, event.name), bar, ("", event.body))


def notice_line(text: str, at_ms: int = 0, style: str = "class:quiet") -> StyleAndTextTuples:
    """Return a line of the program's own. at_ms: ms since 1970; 0 for a line without a time."""
    return _line(at_ms, ("", ""), (style, "· "), (style, text))


def _line(at_ms: int, name: tuple[str, str], bar: tuple[str, str], text: tuple[str, str]) -> StyleAndTextTuples:
    """Return time, name, bar and text, each a style and a string; further lines of a text stand below the first."""
    time = f"{datetime.fromtimestamp(at_ms / 1000):%H:%M}" if at_ms else ""
    shown_name = visible(name[1])
    shown_name = " " * (NAME_COLUMNS - get_cwidth(shown_name)) + shown_name
    indent = TIME_COLUMNS + get_cwidth(shown_name) + 1
    first, *others = visible(text[1]).split("\n")
    styled_time = ("class:quiet", f"{time:{TIME_COLUMNS}}")
    line: StyleAndTextTuples = [styled_time, (name[0], f"{shown_name} "), bar, (text[0], first)]
    for other in others:
        line += [("", f"\n{'':{indent}}"), bar, (text[0], other)]
    return line


@dataclass(frozen=True, slots=True)
class RoomStatus:
    """What the toolbar shows. sent_seq: the seq of the user's last message, 0 if there is none.

    latency_ms: the time from writing the last message until it was shown here; None if unknown. sending: how many of
    the user's messages have not been acknowledged.
    """

    transport: Transport
    account: Account
    view: RoomView
    connected: bool
    sent_seq: int
    latency_ms: float | None = None
    sending: int = 0

    def toolbar(self, now_ms: int, now_s: float) -> StyleAndTextTuples:
        """Return two lines: connection, messages, who types and who has read; then who is online and who is away.

        now_ms: wall clock; now_s: monotonic clock.
        """
        badge = (f"class:badge bg:{self.transport.colour}", f" {self.transport.label} ")
        state = ("class:connected", " ● connected") if self.connected else ("class:broken", " ○ disconnected, retrying")
        sending = f"sending {self.sending}" if self.sending else ""
        facts = [fact for fact in (sending, self._latency(), self._typing(now_s), self._readers()) if fact]
        people = [(style, f" {text} ") for style, text in self.people(now_ms)]
        return [badge, state, *(("", f"   {fact}") for fact in facts), ("", "\n"), *people]

    def people(self, now_ms: int) -> list[tuple[str, str]]:
        """Return a style and a text per member, online ones first. Of users with equal names, only the latest."""
        by_name: dict[str, Member] = {}
        for member in self.view.members():
            by_name.setdefault(member.name, member)
        return [self._person(member, now_ms) for member in by_name.values()]

    def _person(self, member: Member, now_ms: int) -> tuple[str, str]:
        name = visible(member.name)
        if not member.online:
            return "class:away", f"○ {name}, last seen {ago(now_ms - member.last_seen_ms)}"
        return "class:connected", f"● {name} (you)" if member.user == self.account.user else f"● {name}"

    def _latency(self) -> str:
        if self.latency_ms is None:
            return ""
        ms = self.latency_ms
        return f"seen after {ms:.0f} ms" if ms < 1000 else f"seen after {ms / 1000:.1f} s"

    def _typing(self, now_s: float) -> str:
        names = self._others(self.view.typing(now_s))
        verb = "is" if len(names) == 1 else "are"
        return f"{', '.join(names)} {verb} typing…" if names else ""

    def _readers(self) -> str:
        if not self.sent_seq:
            return ""
        names = self._others(self.view.readers(self.sent_seq))
        return f"read by {', '.join(names)}" if names else "not read yet"

    def _others(self, names: list[str]) -> list[str]:
        return sorted({visible(name) for name in names if name != self.account.name})


def day(at_ms: int) -> str:
    """Return a moment's date, to be shown between the messages of two days."""
    moment = datetime.fromtimestamp(at_ms / 1000)
    return f"{moment:%A}, {moment.day} {moment:%B %Y}"


def ago(ms: int) -> str:
    """Return a duration in words, such as "3 min ago": a whole number of the largest unit that fits."""
    for unit, unit_s in UNITS_S:
        count = ms // 1000 // unit_s
        if count >= 1:
            plural = "s" if unit == "day" and count > 1 else ""
            return f"{count} {unit}{plural} ago"
    return "just now"


def visible(text: str) -> str:
    """Return text that can neither control the terminal nor reverse its direction."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").expandtabs(4))
