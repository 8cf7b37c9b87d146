"""Validate rooms, ids, texts and display names, and find names that look alike.

Teaches that a refusal is documentation: each one states what was expected and what came, cut to a bounded length. And
that names that look equal may consist of different characters: case, width, composed accents, invisible characters.
Leaves out letters of different scripts that look alike (Unicode Technical Standard 39).
"""

import re
import unicodedata

from servers.core.errors import BadRequest, TooLarge
from servers.core.settings import Settings

JOINERS = "\u200c\u200d"
IGNORABLE = re.compile(  # Default_Ignorable_Code_Point of Unicode, and the empty Braille pattern
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
EMOJI_STYLE = "\ufe0f"  # a variation selector: the symbol before it is an emoji
JOINING_SCRIPTS = ("ARABIC", "SYRIAC", "MONGOLIAN")
VIRAMA = 9
"""The combining class of the sign that drops a vowel, as in Hindi: a joiner may follow it (RFC 5892, appendix A)."""


def check_name(name: str, length_max: int) -> str:
    """Return the name without surrounding space, composed (NFC).

    Raises BadRequest unless it is short, printable and visible. Joiners: only where Persian, Hindi or emoji need them.
    """
    name = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(name) <= length_max or not _is_printable(name) or not _is_visible(name):
        raise BadRequest(f"name: expected 1 to {length_max} printable characters, got {name[:80]!r}")
    return name


def name_key(name: str) -> str:
    """Return what names that look alike have in common: compatible forms (NFKC), case folded, nothing invisible."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(IGNORABLE.sub("", unicodedata.normalize("NFKC", folded)).split())


def _is_printable(name: str) -> bool:
    padded = f" {name} "  # so that each character has two neighbours
    return all(
        char.isprintable() or (char in JOINERS and _may_join(before, after))
        for before, char, after in zip(padded, name, padded[2:], strict=False)
    )


def _may_join(before: str, after: str) -> bool:
    """Return whether a joiner has a meaning between two characters: after a virama, in a script, or in an emoji."""
    if unicodedata.combining(before) == VIRAMA:
        return True
    is_script = all(unicodedata.name(char, "").startswith(JOINING_SCRIPTS) for char in (before, after))
    ends_emoji = before == EMOJI_STYLE or unicodedata.category(before) in ("So", "Sk")  # symbols, and skin tones
    return is_script or (ends_emoji and unicodedata.category(after) == "So")


def _is_visible(name: str) -> bool:
    return any(unicodedata.category(char)[0] in "LNPS" for char in IGNORABLE.sub("", name))


ROOM = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def check_room(room: str) -> None:
    """Raise BadRequest unless a room may have this name."""
    if ROOM.fullmatch(room) is None:
        raise BadRequest(f"room: expected 1 to 64 letters, digits, - or _, got {room[:80]!r}")


def check_id(field: str, value: str, settings: Settings) -> None:
    """Raise BadRequest unless an id that a client chose is short and printable."""
    if not 1 <= len(value) <= settings.id_max or not value.isprintable():
        raise BadRequest(f"{field}: expected 1 to {settings.id_max} printable characters, got {value[:80]!r}")


def check_text(text: str, settings: Settings) -> None:
    """Raise TooLarge or BadRequest unless a message's text fits."""
    size = len(text.encode())
    if size > settings.text_bytes_max:
        raise TooLarge(f"text: expected at most {settings.text_bytes_max} bytes of UTF-8, got {size}; send it in parts")
    if not size:
        raise BadRequest("text: expected at least one character, got none")
