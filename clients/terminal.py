"""What the terminal chat shows: pure functions from events and views to styled text.

Teaches that a chat window renders two things: the log, a line per message, and the view that is folded from it, a
toolbar. Nothing here reads a clock, a screen's size or a setting: all of it is given.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import accumulate
from zlib import crc32

from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from clients.room_view import RoomView
from servers.core.wire import Account, Event, Member
from servers.transports import Transport

Fragments = list[tuple[str, str]]
"""Pieces of text, each with a style before it."""

NAME_COLOURS = ("#e12d2d", "#ae6319", "#787811", "#148a14", "#138669", "#177ea1", "#446ce4", "#994ce6", "#d61fa8")
"""Each has a contrast of at least 4.4:1 on black and on white, since a terminal does not tell which one it is."""

STYLE = Style.from_dict(
    {
        "quiet": "#808080",
        "error": "#e12d2d",
        "pending": "#808080 italic",
        "bottom-toolbar": "noreverse bg:#2b2b2b #d0d0d0",
        "badge": "bold #ffffff",
        "connected": "#7fd48a",
        "broken": "bold #ffb454",
        "away": "#a0a0a0",
    }
)
UNITS_S = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))
STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Look:
    """Whose window it is, how wide (0: lines are not wrapped), and in which time zone (None: the machine's)."""

    account: Account
    columns: int = 0
    zone: tzinfo | None = None

    def message(self, event: Event) -> Fragments:
        """Return a committed message; my own has a bold name and a bar of its colour."""
        name_style = name_colour(event.name)
        if event.sender == self.account.user:
            return self._line(event.at_ms, (f"bold {name_style}", event.name), (name_style, "┃ "), event.body)
        return self._line(event.at_ms, (name_style, event.name), ("class:quiet", "│ "), event.body)

    def pending(self, text: str, at_ms: int) -> Fragments:
        """Return a message of mine that is not in my log yet; at_ms is 0 until it has been acknowledged."""
        style = "class:pending"
        return self._line(at_ms, (style, self.account.name), (style, "┊ "), text, style)

    def notice(self, text: str, at_ms: int = 0, style: str = "class:quiet") -> Fragments:
        """Return a quiet line that nobody said."""
        return self._line(at_ms, ("", ""), (style, "· "), text, style)

    def day(self, at_ms: int) -> str:
        """Return the day of a moment, to stand between the messages of two days."""
        moment = datetime.fromtimestamp(at_ms / 1000, self.zone)
        return f"{moment:%A}, {moment.day} {moment:%B %Y}"

    def _line(self, at_ms: int, name: tuple[str, str], bar: tuple[str, str], text: str, style: str = "") -> Fragments:
        """Return time, name, bar and text; the text's further lines hang below its first."""
        time = f"{datetime.fromtimestamp(at_ms / 1000, self.zone):%H:%M}" if at_ms else " " * 5
        lead = f"{time} ", f"{self._in_column(visible(name[1]))} "
        indent = sum(map(get_cwidth, lead))
        room = max(1, self.columns - indent - get_cwidth(bar[1])) if self.columns else 0
        first, *others = wrapped(visible(text), room)
        shown = [("class:quiet", lead[0]), (name[0], lead[1]), bar, (style, first)]
        for line in others:
            shown += [("", f"\n{'':{indent}}"), (bar[0], bar[1].replace("·", " ")), (style, line)]
        return shown

    def _in_column(self, name: str) -> str:
        """Return the name, right-aligned in its column; as it is where lines are not wrapped."""
        if not self.columns:
            return name
        columns = 8 if self.columns < 80 else 10
        name = "".join(part for _, part in fitted([("", name)], columns))
        return " " * (columns - get_cwidth(name)) + name


@dataclass(frozen=True, slots=True)
class Standing:
    """What the toolbar tells. sent_seq: the place in the log of my last message, 0 if there is none.

    took_ms: how long the last message took from being written to being seen here; None if it did not say.
    """

    transport: Transport
    account: Account
    view: RoomView
    connected: bool
    sent_seq: int
    took_ms: float | None = None

    def toolbar(self, now_ms: int, columns: int) -> Fragments:
        """Return two lines: how the line is, who types and who has read; then who is here and who is away."""
        badge = (f"class:badge bg:{self.transport.colour}", f" {self.transport.label} ")
        state = ("class:connected", " ● connected") if self.connected else ("class:broken", " ○ disconnected, retrying")
        above = [badge, state, ("", self._seen() + self._typing(now_ms) + self._readers())]
        return [*fitted(above, columns), ("", "\n"), *fitted(self._people(now_ms), columns)]

    def who(self, now_ms: int) -> list[str]:
        """Return a line about each member, as /who shows them."""
        return [f"{member.name}: {self._presence(member, now_ms)}" for member in self._everyone()]

    def _seen(self) -> str:
        if self.took_ms is None:
            return ""
        return (
            f"   seen after {self.took_ms:.0f} ms"
            if self.took_ms < 1000
            else f"   seen after {self.took_ms / 1000:.1f} s"
        )

    def _typing(self, now_ms: int) -> str:
        names = self._without_me(self.view.typing(now_ms))
        return f"   {listed(names)} {'is' if len(names) == 1 else 'are'} typing…" if names else ""

    def _readers(self) -> str:
        names = self._without_me(self.view.readers(self.sent_seq)) if self.sent_seq else []
        return f"   read by {listed(names)}" if names else "   not read yet" if self.sent_seq else ""

    def _people(self, now_ms: int) -> Fragments:
        shown: Fragments = []
        for member in self._everyone():
            name = visible(member.name)
            if member.online:
                shown += [("class:connected", " ● "), ("", f"{name} (you) " if self._is_me(member) else f"{name} ")]
            else:
                shown += [("class:away", f" ○ {name}, {ago(now_ms - member.last_seen_ms)} ")]
        return shown

    def _presence(self, member: Member, now_ms: int) -> str:
        if self._is_me(member):
            return "you"
        return "online" if member.online else f"last seen {ago(now_ms - member.last_seen_ms)}"

    def _everyone(self) -> list[Member]:
        """Return one member per name: me, then those online, then the others, the last seen first."""
        by_name = {member.name: member for member in reversed(self.view.members())}

        def place(member: Member) -> tuple[bool, bool, int, str]:
            silent_since = 0 if member.online else -member.last_seen_ms
            return not self._is_me(member), not member.online, silent_since, member.name.casefold()

        return sorted(by_name.values(), key=place)

    def _is_me(self, member: Member) -> bool:
        return member.user == self.account.user

    def _without_me(self, names: Iterable[str]) -> list[str]:
        return sorted({visible(name) for name in names if name != self.account.name})


def name_colour(name: str) -> str:
    """Return the colour of a name: the same in every window and on every day."""
    return NAME_COLOURS[crc32(name.casefold().encode()) % len(NAME_COLOURS)]


def ago(silent_ms: int) -> str:
    """Return how long ago something was, in its largest unit."""
    for unit, unit_s in UNITS_S:
        if count := max(silent_ms, 0) // 1000 // unit_s:
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    return "just now"


def listed(names: list[str]) -> str:
    """Return names as one says them: "Ada, Bob and Cyd"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def visible(text: str) -> str:
    """Return text that cannot steer the terminal, nor turn its direction."""
    return STEERING.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").expandtabs(4))


def wrapped(text: str, columns: int) -> list[str]:
    """Return at least one line, wrapped between words if `columns` is above 0; an address stays whole."""
    lines = []
    for paragraph in text.splitlines() or [""]:
        line, *words = paragraph.split(" ")
        for word in words:
            if columns and get_cwidth(f"{line} {word}") > columns:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}"
        lines.append(line)
    return lines


def fitted(fragments: Fragments, columns: int) -> Fragments:
    """Return as much as fits into so many columns, with an ellipsis for the rest."""
    if sum(get_cwidth(text) for _, text in fragments) <= columns:
        return fragments
    chars = [(style, char) for style, text in fragments for char in text]
    ends = accumulate(get_cwidth(char) for _, char in chars)
    return [*(char for char, end in zip(chars, ends, strict=True) if end < columns), ("", "…")]
