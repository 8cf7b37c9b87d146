"""Which display names there may be, and which look alike."""

from itertools import chain

import pytest

from servers.core.errors import BadRequest
from servers.core.validation import check_name, name_key

LENGTH_MAX = 32
FIT = {
    "letters": ("Ada Lovelace", "Ὑπατία", "王小明", "فاطمة", "हिन्दी", "สมชาย"),
    "joined or not (Persian, Hindi, Sinhala)": ("می\u200cرود", "क\u094d\u200dष", "क\u094d\u200cष", "ශ\u0dca\u200dරී"),
    "emoji": ("🙂", "👩\u200d👩\u200d👧", "👩🏽\u200d🚀", "🏳\ufe0f\u200d🌈", "Ada ❤\ufe0f"),
    "punctuation": ("?!",),
    "longest": ("x" * LENGTH_MAX,),
}
UNFIT = {
    "spaces": ("", " \t", "\u00a0", "\u2003"),
    "fillers": ("\u3164", "\uffa0", "\u2800\u2800"),
    "marks on nothing": ("\ufe0f", "\u0301\u0308", "\u034f"),
    "too long": ("x" * (LENGTH_MAX + 1),),
    "control characters": ("a\nb", "a\0b"),
    "directions": ("\u202eevil", "Ada\u200f"),
    "zero-width space, byte order mark, soft hyphen": ("A\u200bda", "\ufeffAda", "A\u00adda"),
    "joiners of nothing": ("\u200d", "\u200d👧", "👧\u200d", "می\u200c"),
    "joiners in Latin": ("A\u200dda", "A\u200cda"),
    "unassigned, private": ("\u0378", "\ue000"),
}
ALIKE = {
    "case": (("Ada", "ADA"), ("Weiß", "WEISS"), ("ΟΔΟΣ", "οδος")),
    "composition": (("Zo\u00eb", "Zoe\u0308"), ("office", "o\ufb03ce"), ("K", "\u212a")),
    "typeface": (("Ada", "\uff21\uff44\uff41"), ("Ada", "\U0001d400\U0001d41d\U0001d41a"), ("Ada2", "Ada\u00b2")),
    "spaces": (("Ada L", "Ada\u00a0L"), ("Ada L", "Ada  L")),
    "what is invisible": (("Ada", "Ada\ufe0f"), ("Ada", "Ada\u3164"), ("Ada", "A\u034fda"), ("می\u200cرود", "میرود")),
}


@pytest.mark.parametrize("name", [*chain.from_iterable(FIT.values())])
def test_a_name_that_can_be_read_is_accepted(name: str) -> None:
    assert check_name(f" {name} ", LENGTH_MAX) == name
    assert name_key(name)


@pytest.mark.parametrize("name", [*chain.from_iterable(UNFIT.values())])
def test_a_name_that_cannot_be_seen_or_hides_something_is_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        check_name(name, LENGTH_MAX)


@pytest.mark.parametrize(("one", "other"), [*chain.from_iterable(ALIKE.values())])
def test_names_that_look_alike_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Ada", "Ida"), ("Zoë", "Zoe"), ("Ada L", "AdaL"), ("👩", "👩🏽")])
def test_names_that_do_not_look_alike_have_keys_of_their_own(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)
