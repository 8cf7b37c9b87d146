"""Tokens: signed, expiring, and of one server only."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from servers.core.auth import CACHED_MAX, Tokens, signing_secret
from servers.core.errors import Unauthenticated
from servers.core.settings import Settings
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
    assert tokens.cached == CACHED_MAX


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_token_is_neither_accepted_nor_cached(change: Callable[[str], str]) -> None:
    tokens = Tokens("secret", FakeClock(), 60)
    token = next(token for n in range(99) if (token := tokens.issue(str(n), "Ada").token)[-1] in "AEIMQUY")
    with pytest.raises(Unauthenticated):
        tokens.verify(change(token))
    assert tokens.cached == 0
    tokens.verify(token)


def test_the_longest_name_makes_a_token_that_is_accepted() -> None:
    tokens, name = Tokens("secret", FakeClock(), 60), "".join(chr(0x1F600 + n) for n in range(Settings().name_max))
    assert tokens.verify(tokens.issue("0" * 16, name).token).name == name


def test_the_signing_key_is_given_or_made_once_for_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "chat.db"
    monkeypatch.setenv("CHAT_SECRET", "given")
    assert (signing_secret(database), [*tmp_path.iterdir()]) == ("given", [])
    monkeypatch.delenv("CHAT_SECRET")
    first = signing_secret(database)
    assert signing_secret(database) == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "chat.db.secret").stat().st_mode) == 0o600
