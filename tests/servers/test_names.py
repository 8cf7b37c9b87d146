"""Which display names there may be, and which look alike."""

import pytest

from servers.core.errors import BadRequest
from servers.core.names import check_name, name_key

LENGTH_MAX = 32
FIT = {
    "Latin": "Ada Lovelace",
    "Greek": "Ὑπατία",
    "Chinese": "王小明",
    "Arabic": "فاطمة",
    "Persian, not joined": "می\u200cرود",
    "Hindi, joined": "क\u094d\u200dष",
    "Hindi, not joined": "क\u094d\u200cष",
    "Sinhala": "ශ\u0dca\u200dරී",
    "Hindi, marks": "हिन्दी",
    "Thai": "สมชาย",
    "emoji": "🙂",
    "emoji, family": "👩\u200d👩\u200d👧",
    "emoji, skin and profession": "👩🏽\u200d🚀",
    "emoji, variation": "🏳\ufe0f\u200d🌈",
    "emoji, heart": "Ada ❤\ufe0f",
    "punctuation": "?!",
    "longest": "x" * LENGTH_MAX,
}
UNFIT = {
    "nothing": "",
    "space": " \t",
    "no-break space": "\u00a0",
    "em space": "\u2003",
    "too long": "x" * (LENGTH_MAX + 1),
    "line break": "a\nb",
    "zero": "a\0b",
    "direction override": "\u202eevil",
    "direction mark": "Ada\u200f",
    "zero-width space": "A\u200bda",
    "byte order mark": "\ufeffAda",
    "soft hyphen": "A\u00adda",
    "joiner alone": "\u200d",
    "joiner first": "\u200d👧",
    "joiner last": "👧\u200d",
    "joiner in Latin": "A\u200dda",
    "non-joiner in Latin": "A\u200cda",
    "non-joiner after Persian": "می\u200c",
    "Hangul filler": "\u3164",
    "half-width filler": "\uffa0",
    "empty Braille": "\u2800\u2800",
    "variation selector alone": "\ufe0f",
    "combining marks alone": "\u0301\u0308",
    "grapheme joiner alone": "\u034f",
    "unassigned": "\u0378",
    "private use": "\ue000",
}
ALIKE = {
    "case": ("Ada", "ADA"),
    "sharp s": ("Weiß", "WEISS"),
    "final sigma": ("ΟΔΟΣ", "οδος"),
    "full width": ("Ada", "\uff21\uff44\uff41"),
    "composed": ("Zo\u00eb", "Zoe\u0308"),
    "ligature": ("office", "o\ufb03ce"),
    "mathematical": ("Ada", "\U0001d400\U0001d41d\U0001d41a"),
    "superscript": ("Ada2", "Ada\u00b2"),
    "kelvin": ("K", "\u212a"),
    "no-break space": ("Ada L", "Ada\u00a0L"),
    "two spaces": ("Ada L", "Ada  L"),
    "variation selector": ("Ada", "Ada\ufe0f"),
    "Hangul filler": ("Ada", "Ada\u3164"),
    "grapheme joiner": ("Ada", "A\u034fda"),
    "non-joiner": ("می\u200cرود", "میرود"),
}


@pytest.mark.parametrize("name", FIT.values(), ids=FIT)
def test_a_name_that_can_be_read_is_accepted(name: str) -> None:
    assert check_name(f" {name} ", LENGTH_MAX) == name
    assert name_key(name)


@pytest.mark.parametrize("name", UNFIT.values(), ids=UNFIT)
def test_a_name_that_cannot_be_seen_or_hides_something_is_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        check_name(name, LENGTH_MAX)


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_names_that_look_alike_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Ada", "Ida"), ("Zoë", "Zoe"), ("Ada L", "AdaL"), ("👩", "👩🏽")])
def test_names_that_do_not_look_alike_have_keys_of_their_own(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)
