"""Display names: which there may be, and which look alike.

Teaches that equal to the eye is not equal to the computer: case, width, composed accents, invisible characters. Leaves
out letters of different scripts that look alike (Unicode Technical Standard 39).
"""

import re
import unicodedata

from servers.core.errors import BadRequest

JOINERS = "\u200c\u200d"
IGNORABLE = re.compile(  # Default_Ignorable_Code_Point of Unicode, and the empty Braille pattern
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
EMOJI_STYLE = "\ufe0f"
"""A variation selector: the symbol before it is an emoji."""

JOINING_SCRIPTS = ("ARABIC", "SYRIAC", "MONGOLIAN")
VIRAMA = 9
"""The combining class of the sign that drops a vowel, as in Hindi: a joiner may follow it (RFC 5892, appendix A)."""


def check_name(name: str, length_max: int) -> str:
    """Return the name without surrounding space, composed (NFC).

    Raises BadRequest unless it is short, printable and visible: joiners only where Persian, Hindi or an emoji has them.
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
    padded = f" {name} "
    return all(
        char.isprintable() or (char in JOINERS and _may_join(before, after))
        for before, char, after in zip(padded, name, padded[2:], strict=False)
    )


def _may_join(before: str, after: str) -> bool:
    """Return whether a joiner has a meaning between two characters: after a virama, in a script, or in an emoji."""
    if unicodedata.combining(before) == VIRAMA:
        return True
    is_script = all(unicodedata.name(char, "").startswith(JOINING_SCRIPTS) for char in (before, after))
    ends_emoji = before == EMOJI_STYLE or unicodedata.category(before) in ("So", "Sk")  # symbols, and tones of skin
    return is_script or (ends_emoji and unicodedata.category(after) == "So")


def _is_visible(name: str) -> bool:
    return any(unicodedata.category(char)[0] in "LNPS" for char in IGNORABLE.sub("", name))
