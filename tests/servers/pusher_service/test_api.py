"""The HTTP API without HTTP: what a call publishes and returns, and with which status it is refused."""

import json
from itertools import product
from typing import Any

import pytest
from pusher.pusher_client import PusherClient

from servers.core.wire import Event, Kind, Page, decode
from servers.pusher_adapter import page_data
from servers.pusher_service.errors import ApiError
from tests.support.pusher_harness import Json, PusherHarness

ROOM = "presence-room"
EVENT: Json = {"name": "news", "data": "1", "channel": "a"}
BOTH_COUNTS = {"info": "user_count,subscription_count"}


def refused(status: int) -> pytest.RaisesExc[ApiError]:
    return pytest.raises(ApiError, check=lambda error: error.status == status)


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
    assert [event.body for event in page.events] == [text] * is_pushed
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
def test_what_cannot_be_served_is_refused_with_400(call: str, arguments: list[Any], harness: PusherHarness) -> None:
    with refused(400):
        getattr(harness.api, call)(*arguments)
