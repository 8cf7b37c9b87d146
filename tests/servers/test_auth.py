"""Tokens that expire and cannot be changed, and the key that signs them; which display names are fit, or look alike."""

import stat
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from servers.core.auth import CACHED_MAX, Tokens, signing_secret
from servers.core.errors import BadRequest, Unauthenticated
from servers.core.settings import Settings
from servers.core.validation import check_name, name_key
from tests.support.clock import FakeClock

CHANGES: dict[str, Callable[[str], str]] = {
    "a million of padding": lambda token: token + "=" * 1_000_000,
    "padding": lambda token: token + "=",
    "space": lambda token: f" {token}",
    "unused bits": lambda token: token[:-1] + chr(ord(token[-1]) + 1),  # 20 bytes leave 2 bits of Base64 unused
}


def test_a_token_expires_even_when_it_is_cached() -> None:
    clock = FakeClock()
    tokens = Tokens("secret", clock, lifetime_s=60)
    token = tokens.issue("ada", "Ada").token
    clock.advance(59.9)
    tokens.verify(token)
    clock.advance(0.1)
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.verify(token)


def test_tokens_are_cached_within_a_bound() -> None:
    tokens = Tokens("secret", FakeClock(), 60)
    for n in range(CACHED_MAX + 10):
        tokens.verify(tokens.issue(str(n), "Ada").token)
    assert tokens._identity_of.cache_info().currsize == CACHED_MAX


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_token_is_neither_accepted_nor_cached(change: Callable[[str], str]) -> None:
    tokens = Tokens("secret", FakeClock(), 60)
    issued = (tokens.issue(str(n), "Ada").token for n in range(99))
    token = next(each for each in issued if each[-1] in "AEIMQUY")
    with pytest.raises(Unauthenticated):
        tokens.verify(change(token))
    assert tokens._identity_of.cache_info().currsize == 0
    tokens.verify(token)


def test_the_longest_name_makes_a_token_that_is_accepted() -> None:
    tokens = Tokens("secret", FakeClock(), 60)
    name = "".join(chr(0x1F600 + n) for n in range(Settings().name_max))
    assert tokens.verify(tokens.issue("0" * 16, name).token).name == name


def test_the_signing_key_is_given_or_made_once_for_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "chat.db"
    monkeypatch.setenv("CHAT_SECRET", "given")
    assert signing_secret(database) == "given"
    assert not any(tmp_path.iterdir())
    monkeypatch.delenv("CHAT_SECRET")
    first = signing_secret(database)
    assert signing_secret(database) == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "chat.db.secret").stat().st_mode) == 0o600


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
