"""The HTTP API without HTTP: what a call publishes, what it is answered, and with which status it is refused."""

import json
from typing import Any

import pytest

from servers.pusher_service.answers import Answer
from servers.pusher_service.api import Api, ApiError
from servers.pusher_service.in_process import InProcess
from tests.support.pusher_harness import Json, PusherHarness, at_once

ROOM = "presence-room"


def listening(stage: PusherHarness, *channels: str) -> str:
    client = stage.connect()
    for channel in channels:
        stage.subscribe(client, channel)
    stage.take(client)
    return client


def batch(stage: PusherHarness, *events: Json) -> Json:
    return at_once(stage.api.publish_batch(json.dumps({"batch": events}).encode()))


def refusal(stage: PusherHarness, **event: Any) -> int:
    with pytest.raises(ApiError) as error:
        stage.publish(**({"name": "news", "data": "1"} | event))
    return error.value.status


def test_an_event_reaches_every_subscriber_with_its_data_untouched() -> None:
    stage = PusherHarness()
    clients = [listening(stage, "public") for _ in range(3)]
    data = ' {"é": "\\u00e9", "n": 1.0 } '
    assert stage.publish(name="news", data=data, channels=["public"]) == {}
    for client in clients:
        assert stage.take(client) == [{"event": "news", "channel": "public", "data": data}]


def test_an_event_is_encoded_once_for_all_its_receivers() -> None:
    stage = PusherHarness()
    clients = tuple(listening(stage, "public") for _ in range(3))
    sent: list[Answer] = []
    exchange = InProcess(sent.append, stage.relay.counters, 100, dict)
    exchange.channels = stage.exchange.channels
    at_once(
        Api(exchange, stage.settings, stage.relay.counters).publish(b'{"name":"news","data":"1","channel":"public"}')
    )
    assert [getattr(send, "to", None) for send in sent] == [clients]


def test_an_event_goes_to_each_of_its_channels_once() -> None:
    stage = PusherHarness()
    both, one = listening(stage, "a", "b"), listening(stage, "b")
    stage.publish(name="news", data="1", channels=["a", "b", "a", "nobody"])
    assert [frame["channel"] for frame in stage.take(both)] == ["a", "b"]
    assert [frame["channel"] for frame in stage.take(one)] == ["b"]


def test_the_excluded_socket_gets_nothing_and_an_unknown_one_excludes_nobody() -> None:
    stage = PusherHarness()
    sender, other = listening(stage, "a"), listening(stage, "a")
    stage.publish(name="news", data="1", channel="a", socket_id=sender)
    assert (len(stage.take(sender)), len(stage.take(other))) == (0, 1)
    stage.publish(name="news", data="1", channel="a", socket_id="999.999")
    assert (len(stage.take(sender)), len(stage.take(other))) == (1, 1)


def test_a_batch_keeps_its_order() -> None:
    stage = PusherHarness()
    client = listening(stage, "a", "b")
    events = [{"name": f"n{n}", "data": "", "channel": "ab"[n % 2]} for n in range(10)]
    assert batch(stage, *events) == {}
    assert [frame["event"] for frame in stage.take(client)] == [f"n{n}" for n in range(10)]


def test_a_batch_with_one_bad_event_publishes_none() -> None:
    stage = PusherHarness()
    client = listening(stage, "a")
    good = {"name": "news", "data": "1", "channel": "a"}
    for bad in (
        good | {"channel": "a room"},
        good | {"data": 1},
        good | {"channels": ["a"]},
        {"name": "x", "data": ""},
    ):
        with pytest.raises(ApiError) as error:
            batch(stage, good, bad)
        assert error.value.status == 400
    assert stage.take(client) == []


def test_eleven_events_in_a_batch_are_refused() -> None:
    with pytest.raises(ApiError) as error:
        batch(PusherHarness(), *[{"name": "news", "data": "1", "channel": "a"}] * 11)
    assert error.value.status == 400


def test_a_publish_tells_the_counts_it_is_asked_for() -> None:
    stage = PusherHarness()
    for _ in range(2):
        stage.member(ROOM, "ann")
    info = "user_count,subscription_count"
    counts = {ROOM: {"user_count": 1, "subscription_count": 2}, "a": {"subscription_count": 0}}
    assert stage.publish(name="news", data="1", channels=[ROOM, "a"], info=info) == {"channels": counts}
    asking: Json = {"name": "news", "data": "1", "channel": ROOM, "info": info}
    silent: Json = {"name": "news", "data": "1", "channel": "a"}
    assert batch(stage, asking, silent) == {"batch": [counts[ROOM], {}]}


@pytest.mark.parametrize(
    "event",
    [
        {"channel": "a room"},
        {"channel": "x" * 165},
        {"channel": "cache-a"},
        {"channels": [f"c{n}" for n in range(101)]},
        {"channels": []},
        {},
        {"channel": "a", "name": ""},
        {"channel": "a", "name": "x" * 201},
        {"channel": "a", "name": "pusher:error"},
        {"channel": "a", "data": {"not": "a string"}},
        {"channel": "a", "socket_id": "12"},
        {"channel": "a", "socket_id": "1.2\n"},
        {"channel": "a", "info": "cache"},
    ],
)
def test_a_bad_event_is_refused_with_400(event: Json) -> None:
    assert refusal(PusherHarness(), **event) == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 60_000])
def test_a_body_that_is_not_the_json_expected_is_refused_with_400(body: bytes) -> None:
    stage = PusherHarness()
    for call in (stage.api.publish, stage.api.publish_batch):
        with pytest.raises(ApiError) as error:
            at_once(call(body))
        assert error.value.status == 400


def test_data_is_limited_in_bytes_and_refused_with_413() -> None:
    stage = PusherHarness()
    stage.publish(name="news", data="é" * 5120, channel="a")
    assert refusal(stage, data="é" * 5120 + "x", channel="a") == 413


def test_only_occupied_channels_are_listed() -> None:
    stage = PusherHarness()
    assert at_once(stage.api.list_channels({})) == {"channels": {}}
    client = listening(stage, "a", "private-b")
    stage.member(ROOM, "ann")
    assert at_once(stage.api.list_channels({})) == {"channels": {"a": {}, "private-b": {}, ROOM: {}}}
    assert at_once(stage.api.list_channels({"filter_by_prefix": "private-"})) == {"channels": {"private-b": {}}}
    counted = at_once(stage.api.list_channels({"filter_by_prefix": "presence-", "info": "user_count"}))
    assert counted == {"channels": {ROOM: {"user_count": 1}}}
    stage.hang_up(client)
    assert list(at_once(stage.api.list_channels({}))["channels"]) == [ROOM]


@pytest.mark.parametrize(
    "params", [{"info": "user_count"}, {"info": "user_count", "filter_by_prefix": "a"}, {"info": "subscription_count"}]
)
def test_a_list_of_channels_counts_users_of_presence_channels_only(params: dict[str, str]) -> None:
    with pytest.raises(ApiError) as error:
        at_once(PusherHarness().api.list_channels(params))
    assert error.value.status == 400


def test_one_channel_tells_whether_it_is_occupied_and_its_counts() -> None:
    stage = PusherHarness()
    info = {"info": "user_count,subscription_count"}
    assert at_once(stage.api.describe_channel(ROOM, info)) == {
        "occupied": False,
        "user_count": 0,
        "subscription_count": 0,
    }
    for _ in range(2):
        stage.member(ROOM, "ann")
    assert at_once(stage.api.describe_channel(ROOM, info)) == {
        "occupied": True,
        "user_count": 1,
        "subscription_count": 2,
    }
    assert at_once(stage.api.describe_channel(ROOM, {})) == {"occupied": True}


@pytest.mark.parametrize(("name", "info"), [("a", "user_count"), ("a", "cache"), ("a room", "")])
def test_a_channel_or_attribute_that_is_not_served_is_refused_with_400(name: str, info: str) -> None:
    with pytest.raises(ApiError) as error:
        at_once(PusherHarness().api.describe_channel(name, {"info": info}))
    assert error.value.status == 400


def test_users_are_listed_once_and_on_presence_channels_only() -> None:
    stage = PusherHarness()
    for user_id in ("ann", "bob", "ann"):
        stage.member(ROOM, user_id)
    assert at_once(stage.api.list_users(ROOM)) == {"users": [{"id": "ann"}, {"id": "bob"}]}
    assert at_once(stage.api.list_users("presence-empty")) == {"users": []}
    with pytest.raises(ApiError) as error:
        at_once(stage.api.list_users("private-a"))
    assert error.value.status == 400
