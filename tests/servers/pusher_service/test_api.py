"""The HTTP API without HTTP: its signatures, and what a call publishes, returns or refuses."""

import hashlib
import json
from itertools import product
from typing import Any

import pytest
from pusher.pusher_client import PusherClient

from servers.core.wire import Event, Kind, Page, decode
from servers.pusher_adapter import page_data
from servers.pusher_service.authorization import Credentials, channel_auth, hex_hmac, string_to_sign, verify_call
from servers.pusher_service.errors import ApiError
from tests.support.pusher_harness import Json, PusherHarness

ROOM = "presence-room"
EVENT: Json = {"name": "news", "data": "1", "channel": "a"}
BOTH_COUNTS = {"info": "user_count,subscription_count"}


def refused(status: int, match: str | None = None) -> pytest.RaisesExc[ApiError]:
    return pytest.raises(ApiError, match=match, check=lambda error: error.status == status)


def publish_batch(harness: PusherHarness, *events: Json) -> Json:
    return harness.api.publish_batch(json.dumps({"batch": events}).encode())


def test_an_event_reaches_every_subscriber_encoded_once_and_its_data_untouched(harness: PusherHarness) -> None:
    clients = tuple(harness.connect("public") for _ in range(3))
    harness.sent.clear()
    data = ' {"é": "\\u00e9", "n": 1.0 } '
    assert harness.publish(data=data, channels=["public"]) == {}
    for client in clients:
        assert harness.take(client) == [{"event": "news", "channel": "public", "data": data}]
    assert [send.to for send in harness.sent] == [clients]


@pytest.mark.parametrize(
    "events",
    [
        [EVENT, EVENT | {"channel": "a room"}],
        [EVENT, EVENT | {"data": 1}],
        [EVENT, EVENT | {"channels": ["a"]}],
        [EVENT, {"name": "x", "data": ""}],
        [EVENT] * 11,
    ],
)
def test_a_batch_with_a_bad_event_or_one_too_many_publishes_none(events: list[Json], harness: PusherHarness) -> None:
    client = harness.connect("a")
    with refused(400):
        publish_batch(harness, *events)
    assert harness.take(client) == []


def test_a_publish_returns_the_counts_that_it_requests(harness: PusherHarness) -> None:
    for _ in range(2):
        harness.connect_member(ROOM, "ann")
    counts = {ROOM: {"user_count": 1, "subscription_count": 2}, "a": {"subscription_count": 0}}
    assert harness.publish(channels=[ROOM, "a"], **BOTH_COUNTS) == {"channels": counts}
    assert publish_batch(harness, EVENT | BOTH_COUNTS | {"channel": ROOM}, EVENT) == {"batch": [counts[ROOM], {}]}


@pytest.mark.parametrize(
    ("event", "status"),
    [
        *(({"channel": name}, 400) for name in ("a room", "x" * 165, "#server-to-user-")),
        *(({"channels": names}, 400) for names in ([], [f"c{n}" for n in range(101)])),
        ({}, 400),
        *(({"channel": "a", "name": name}, 400) for name in ("", "x" * 201, "pusher:error")),
        ({"channel": "a", "data": {"not": "a string"}}, 400),
        *(({"channel": "a", "socket_id": wrong}, 400) for wrong in ("12", "1.2\n")),
        ({"channel": "a", "info": "cache"}, 400),
        ({"channel": "a", "data": "é" * 5120 + "x"}, 413),
    ],
)
def test_a_bad_event_is_refused_with_its_status(event: Json, status: int, harness: PusherHarness) -> None:
    assert harness.publish(data="é" * 5120, channel="a") == {}
    with refused(status):
        harness.publish(**event)


@pytest.mark.parametrize(
    ("character", "end", "is_pushed"), [("x", "😀", True), ('"', "😀", False), ('"', "", True), ("\x01", "", False)]
)
def test_a_page_of_any_text_may_be_published(harness: PusherHarness, character: str, end: str, is_pushed: bool) -> None:
    text = character * (4096 - len(end.encode())) + end
    data = page_data(Event("room", 7, Kind.MESSAGE, "ada", "Ada", text, 1_000), "epoch")
    assert PusherClient("1", "key", "secret").trigger.make_request("private-room-room", "page", data)
    assert harness.publish(data=data, channel="a") == {}
    page = decode(data, type=Page)
    assert [event.body for event in page.events] == ([text] if is_pushed else [])
    assert page.next == 7


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        *product(["publish", "publish_batch"], [[body] for body in (b"", b"{", b"[]", b'{"\xff', b"[" * 60_000)]),
        ("list_channels", [{"info": "user_count"}]),
        ("list_channels", [{"info": "user_count", "filter_by_prefix": "a"}]),
        ("list_channels", [{"info": "subscription_count"}]),
        ("describe_channel", ["a", {"info": "user_count"}]),
        ("describe_channel", ["a", {"info": "cache"}]),
        ("describe_channel", ["cache-a", {"info": "ttl"}]),
        ("describe_channel", ["a room", {}]),
        ("list_users", ["private-a"]),
    ],
)
def test_an_invalid_call_is_refused_with_400(call: str, arguments: list[Any], harness: PusherHarness) -> None:
    with refused(400):
        getattr(harness.api, call)(*arguments)


# The application, calls and signatures of the vendor's documentation: public examples, not secrets of anybody.
DOCUMENTED = Credentials("3", "278d425bdf160c739803", "7ad3773142a6692b25b8")
BODY = b'{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}'
SIGNED_AT_S = 1353088179
SIGNATURE = "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
WITHOUT_DIGEST = {"auth_key": DOCUMENTED.key, "auth_timestamp": str(SIGNED_AT_S), "auth_version": "1.0"}
PARAMS = WITHOUT_DIGEST | {"body_md5": "ec365a775a4cd0599faeb73354201b6f", "auth_signature": SIGNATURE}
EVENTS = "/apps/3/events"
MR_CHANNELS = '{"user_id":10,"user_info":{"name":"Mr. Channels"}}'


def verify(params: dict[str, str], body: bytes = BODY, now_s: float = SIGNED_AT_S, path: str = EVENTS) -> None:
    verify_call(DOCUMENTED, "POST", path, list(params.items()), body, now_s)


def signed(method: str, path: str, params: dict[str, str]) -> list[tuple[str, str]]:
    signature = hex_hmac(DOCUMENTED.secret, string_to_sign(method, path, list(params.items())))
    return [*params.items(), ("auth_signature", signature)]


@pytest.mark.parametrize(
    ("channel", "channel_data", "signature"),
    [
        ("private-foobar", None, "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"),
        ("presence-foobar", MR_CHANNELS, "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80"),
    ],
)
def test_a_channel_is_signed_as_documented(channel: str, channel_data: str | None, signature: str) -> None:
    assert channel_auth(DOCUMENTED, "1234.1234", channel, channel_data) == f"{DOCUMENTED.key}:{signature}"


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_documented_call_verifies_up_to_600_s_late_or_early(sign: int) -> None:
    verify(PARAMS)
    verify(PARAMS, now_s=SIGNED_AT_S + sign * 600)
    with refused(401, "auth_timestamp"):
        verify(PARAMS, now_s=SIGNED_AT_S + sign * 601)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth_signature", ""),
        ("auth_signature", SIGNATURE[:-1] + "0"),
        ("auth_signature", "é"),
        ("auth_key", "another"),
        ("auth_version", "2.0"),
        ("auth_timestamp", "soon"),
        ("info", "user_count"),
        *((name, None) for name in PARAMS),
    ],
)
def test_a_changed_or_missing_parameter_is_refused(name: str, value: str | None) -> None:
    changed = PARAMS | {name: value}
    with refused(401):
        verify({name: value for name, value in changed.items() if value is not None})


@pytest.mark.parametrize("extra", [{}, {"body_md5": hashlib.md5(b"").hexdigest()}])
def test_a_get_verifies_with_and_without_the_digest_of_its_empty_body(extra: dict[str, str]) -> None:
    verify_call(DOCUMENTED, "GET", "/", signed("GET", "/", WITHOUT_DIGEST | extra), b"", SIGNED_AT_S)


@pytest.mark.parametrize(
    ("params", "body", "path", "complaint"),
    [
        (PARAMS, BODY.replace(b"foo", b"bar"), EVENTS, "body_md5"),
        (PARAMS, BODY, "/apps/3/batch_events", "auth_signature"),
        (PARAMS | {"AUTH_KEY": "k"}, BODY, EVENTS, "once"),
        (dict(signed("POST", EVENTS, WITHOUT_DIGEST)), b"x", EVENTS, "body_md5"),
        (dict(signed("POST", EVENTS, WITHOUT_DIGEST | {"auth_timestamp": "1e9"})), b"", EVENTS, "whole seconds"),
    ],
    ids=["changed body", "changed path", "parameter given twice", "unsigned body", "malformed timestamp"],
)
def test_a_call_that_differs_from_what_was_signed_is_refused(
    params: dict[str, str], body: bytes, path: str, complaint: str
) -> None:
    with refused(401, complaint):
        verify(params, body=body, path=path)


def test_the_secret_is_not_in_the_repr() -> None:
    assert DOCUMENTED.secret not in repr(DOCUMENTED)
