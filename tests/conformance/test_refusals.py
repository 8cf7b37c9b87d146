"""Malformed, oversized, unauthenticated, forged and expired input gets the same response on every transport."""

import json
from collections.abc import Callable

import pytest

from clients.errors import Refused
from servers.core.auth import Tokens
from servers.core.wire import Kind
from servers.transports import TRANSPORTS, Transport
from tests.conformance.conftest import Serve
from tests.support.chat_harness import SECRET, ChatHarness, events
from tests.support.clock import FakeClock
from tests.support.raw_senders import OK, RawSender


def message(**fields: object) -> bytes:
    return json.dumps({"client_id": "1", "text": "hello", **fields}).encode()


COMMANDS = {
    "fine": ("send", message(), OK),
    "longest text": ("send", message(text="x" * 4096), OK),
    "no JSON": ("send", b"{", "bad_request"),
    "no UTF-8": ("send", b'{"client_id": "1", "text": "\xff"}', "bad_request"),
    "half a surrogate pair": ("send", b'{"client_id": "1", "text": "\\ud800"}', "bad_request"),
    "no object": ("send", b"[]", "bad_request"),
    "nothing": ("send", b"", "bad_request"),
    "too deep": ("send", b"[" * 20_000, "bad_request"),
    "no text": ("send", b'{"client_id": "1"}', "bad_request"),
    "empty text": ("send", message(text=""), "bad_request"),
    "text of a wrong type": ("send", message(text=7), "bad_request"),
    "no client_id": ("send", b'{"text": "hello"}', "bad_request"),
    "empty client_id": ("send", message(client_id=""), "bad_request"),
    "long client_id": ("send", message(client_id="x" * 65), "bad_request"),
    "client_id of NUL": ("send", message(client_id="\0"), "bad_request"),
    "text too long": ("send", message(text="x" * 4097), "too_large"),
    "text too long in bytes": ("send", message(text="ü" * 2049), "too_large"),
    "body too long with a short text": ("send", message(padding="x" * 40_000), "too_large"),
    "body too long": ("send", message(text="x" * 1_000_000), "too_large"),
    "typing of a wrong type": ("typing", b'{"active": "yes"}', "bad_request"),
    "read up to nothing": ("mark_read", b'{"up_to": 0}', "bad_request"),
    "read backwards": ("mark_read", b'{"up_to": -1}', "bad_request"),
    "read beyond the end": ("mark_read", b'{"up_to": 1000000}', "bad_request"),
    "read beyond all numbers": ("mark_read", b'{"up_to": 1' + b"0" * 30 + b"}", "bad_request"),
    "leave by an id that none can have": ("leave", b'{"connection": "\\u0000"}', "bad_request"),
    "unknown command": ("dance", b"{}", "bad_request"),
}


async def test_a_command_gets_the_same_response_on_every_transport(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        for name, (kind, body, expected) in COMMANDS.items():
            assert await RawSender(harness).command(ada.account.token, kind, body) == expected, name
            await ada.send("still there")


TOKENS: dict[str, Callable[[str], str]] = {
    "no token": lambda valid: "",
    "garbage": lambda valid: "garbage",
    "not ASCII": lambda valid: "t\u00f6ken",
    "cut short": lambda valid: valid[:-1],
    "signed by another": lambda valid: Tokens("another", FakeClock(), 9e9).issue("ada", "Ada").token,
    "expired": lambda valid: Tokens(SECRET, FakeClock(), 60).issue("ada", "Ada").token,  # FakeClock starts in 1970
}


async def test_an_invalid_token_is_refused(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        for name, forge in TOKENS.items():
            token = forge(ada.account.token)
            assert await RawSender(harness).join(token) == "unauthenticated", name
            assert await RawSender(harness).command(token, "send", message()) == "unauthenticated", name


async def test_a_user_cannot_send_in_the_name_of_another(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        forged = message(sender=bob.account.user, name=bob.account.name, user=bob.account.user)
        assert await RawSender(harness).command(ada.account.token, "send", forged) == OK
        (event,) = await events(bob, 1, Kind.MESSAGE)
    assert (event.sender, event.name) == (ada.account.user, ada.account.name)


async def test_another_origin_and_another_host_name_are_refused(harness: ChatHarness) -> None:
    ada = await harness.log_in("Ada")
    raw = RawSender(harness)
    for origin in ("http://evil.example", "null"):
        assert await raw.join(ada.account.token, Origin=origin) == "forbidden", origin
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", ""):
        assert await raw.join(ada.account.token, Host=host) == "forbidden", host
    assert await raw.join(ada.account.token, Origin=harness.address) == OK
    await ada.close()


async def test_an_invalid_cursor_is_refused(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        epoch, head = ada.snapshot.epoch, ada.snapshot.head
        raw = RawSender(harness)
        for cursor in (f"{epoch}.{head + 1000}", f"{epoch}.-1", epoch, "x", f"{epoch}.", f"{epoch}.1e3", "\0.1"):
            assert await raw.join(ada.account.token, after=cursor) == "bad_request", cursor
        # Last: the end of the stream releases the connection's lease, sooner or later.
        assert await raw.join(ada.account.token, after=f"{epoch}.{head}") == OK


async def test_a_session_ends_when_its_token_expires(transport: Transport, serve: Serve) -> None:
    with serve("--token", "1") as running, pytest.raises(Refused, match="unauthenticated"):
        async with ChatHarness(transport, running.address).joined("Ada") as (ada,):
            await events(ada, 1_000)


async def test_a_user_must_join_a_room_before_sending(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        elsewhere = ChatHarness(harness.transport, harness.address)
        assert await RawSender(elsewhere).command(ada.account.token, "send", message(), joins=False) == "not_joined"


async def test_an_invalid_name_of_a_room_or_a_user_is_refused(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        for room in ("a b", "x" * 65, "r\u00f6\u00f6m", "a.b", "\0"):
            elsewhere = ChatHarness(harness.transport, harness.address, room)
            assert await RawSender(elsewhere).join(ada.account.token) == "bad_request", room
    for room in ("a#b", "a?b"):
        with pytest.raises(Refused, match="bad_request"):
            async with ChatHarness(harness.transport, harness.address, room).joined("Ada"):
                pass
    for name in ("", " ", "x" * 33, "a\nb", "\u202eevil", "\u3164", "\u0301"):
        with pytest.raises(Refused, match="bad_request"):
            await harness.log_in_as(name)


async def test_a_name_in_use_is_refused_without_its_token(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        with pytest.raises(Refused, match="name_taken"):
            await harness.log_in_as(ada.account.name.upper().replace("A", "\uff21"))  # of full width


async def test_a_client_of_another_transport_is_refused_before_it_logs_in(harness: ChatHarness) -> None:
    for other in TRANSPORTS:
        if other != harness.transport:
            with pytest.raises(Refused, match="wrong_transport"):
                await ChatHarness(other, harness.address).log_in("Ada")


async def test_sending_too_fast_is_refused_and_a_retry_succeeds(serve: Serve, transport: Transport) -> None:
    with serve("--commands-per-s", "0.5") as server:
        harness = ChatHarness(transport, server.address)
        async with harness.joined("Ada") as (ada,):
            responses = [await RawSender(harness).command(ada.account.token, "send", message()) for _ in range(15)]
            assert set(responses) == {OK, "too_many"}
            await ada.send("at last")
