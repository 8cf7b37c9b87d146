"""Protocol 7 as a state machine: what each frame of a client is answered with, and who else hears of it."""

import json
import re

import pytest

from servers.pusher_service.answers import Refused
from servers.pusher_service.app import new_socket_id
from servers.pusher_service.limits import Settings
from servers.pusher_service.signatures import channel_auth
from tests.support.pusher_harness import CREDENTIALS, PusherHarness, error_of

PRIVATE = "private-room"


def test_a_greeting_tells_the_socket_id_and_the_activity_timeout_in_a_string() -> None:
    socket_id, greeting = PusherHarness().relay.opened(CREDENTIALS.key, "7")
    frame = json.loads(greeting)
    assert frame["event"] == "pusher:connection_established"
    assert json.loads(frame["data"]) == {"socket_id": socket_id, "activity_timeout": 120}


def test_socket_ids_are_two_numbers_and_a_dot() -> None:
    assert re.fullmatch(r"\d+\.\d+", new_socket_id())


@pytest.mark.parametrize(
    ("key", "protocol", "code"),
    [
        ("wrong", "7", 4001),
        (CREDENTIALS.key, "seven", 4006),
        (CREDENTIALS.key, "", 4006),
        (CREDENTIALS.key, "4", 4007),
        (CREDENTIALS.key, "8", 4007),
        (CREDENTIALS.key, None, 4008),
    ],
)
def test_a_wrong_key_or_protocol_is_refused_with_its_code(key: str, protocol: str | None, code: int) -> None:
    with pytest.raises(Refused) as refused:
        PusherHarness().relay.opened(key, protocol)
    assert refused.value.code == code


@pytest.mark.parametrize("protocol", ["5", "6", "7"])
def test_protocols_5_to_7_are_accepted(protocol: str) -> None:
    PusherHarness().relay.opened(CREDENTIALS.key, protocol)


def test_a_connection_too_many_is_refused_with_4100_until_one_leaves() -> None:
    stage = PusherHarness(Settings(connections_max=1))
    first = stage.connect()
    with pytest.raises(Refused) as refused:
        stage.connect()
    assert refused.value.code == 4100
    stage.hang_up(first)
    stage.connect()


@pytest.mark.parametrize("data", ["", {}, None, "{}"])
def test_a_ping_is_answered_with_a_pong(data: object) -> None:
    stage = PusherHarness()
    assert stage.say(stage.connect(), "pusher:ping", data=data) == [{"event": "pusher:pong", "data": "{}"}]


def test_a_silent_client_is_pinged_and_then_closed_with_4201() -> None:
    stage = PusherHarness(Settings(activity_timeout_s=120, pong_wait_s=30))
    client = stage.connect()
    stage.now_s += 119
    stage.carry_out(stage.relay.tick())
    assert stage.take(client) == []
    stage.now_s += 1
    stage.carry_out(stage.relay.tick())
    assert [frame["event"] for frame in stage.take(client)] == ["pusher:ping"]
    stage.now_s += 30
    stage.carry_out(stage.relay.tick())
    assert stage.closed == {client: 4201}
    assert stage.relay.tick() == [], "a connection is closed once"


def test_a_pong_or_any_other_frame_keeps_a_connection() -> None:
    stage = PusherHarness()
    client = stage.connect()
    for event in ("pusher:pong", "pusher:ping"):
        stage.now_s += 120
        stage.carry_out(stage.relay.tick())
        stage.say(client, event, data={})
    stage.now_s += 119
    stage.carry_out(stage.relay.tick())
    assert stage.closed == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"event":',
        '{"event":7}',
        '{"event":"pusher:subscribe"}',
        '{"event":"pusher:subscribe","data":"{"}',
        '{"event":"pusher:subscribe","data":{"channel":7}}',
        '{"event":"pusher:unsubscribe","data":{}}',
        '{"event":"\\ud800 lone surrogate"}',
        "[" * 60_000,
        '{"event":"client-x","data":' + "[" * 60_000,
    ],
)
def test_a_malformed_frame_is_answered_with_an_error_and_the_connection_stays(text: str) -> None:
    stage = PusherHarness()
    client = stage.connect()
    assert error_of(stage.say_raw(client, text))[0] is None
    assert stage.say(client, "pusher:ping")[0]["event"] == "pusher:pong"


@pytest.mark.parametrize("event", ["pusher:signin", "message", ""])
def test_an_event_that_is_not_served_is_refused_by_name(event: str) -> None:
    stage = PusherHarness()
    assert f"{event!r} is not served" in error_of(stage.say(stage.connect(), event, data={}))[1]


@pytest.mark.parametrize("channel", ["public", PRIVATE, "A-Za-z0-9_-=@,.;"])
def test_a_subscription_succeeds_with_an_empty_object_in_a_string(channel: str) -> None:
    stage = PusherHarness()
    assert stage.subscribe(stage.connect(), channel) == [
        {"event": "pusher_internal:subscription_succeeded", "channel": channel, "data": "{}"}
    ]


@pytest.mark.parametrize("channel", ["", "a room", "é", "#server-to-user-1", "x" * 165])
def test_a_bad_channel_name_is_refused(channel: str) -> None:
    stage = PusherHarness()
    assert "expected 1 to 164" in error_of(stage.subscribe(stage.connect(), channel))[1]


@pytest.mark.parametrize("channel", ["cache-a", "private-cache-a", "presence-cache-a", "private-encrypted-a"])
def test_a_kind_of_channel_that_is_not_served_is_refused_and_not_taken_for_another(channel: str) -> None:
    stage = PusherHarness()
    assert "not served here" in error_of(stage.subscribe(stage.connect(), channel))[1]


def test_a_signature_is_good_for_one_socket_one_channel_and_one_user() -> None:
    stage = PusherHarness()
    client, other = stage.connect(), stage.connect()
    user = '{"user_id":"ann"}'
    for auth in (
        None,
        "",
        "é",
        channel_auth(CREDENTIALS, other, "presence-room", user),
        channel_auth(CREDENTIALS, client, "presence-hall", user),
        channel_auth(CREDENTIALS, client, "presence-room", '{"user_id":"bob"}'),
        channel_auth(CREDENTIALS, client, "presence-room"),
    ):
        data = {"channel": "presence-room", "channel_data": user} | ({} if auth is None else {"auth": auth})
        assert "does not match" in error_of(stage.say(client, "pusher:subscribe", data=data))[1]
    assert stage.exchange.channels.find("presence-room") is None


def test_a_second_subscription_is_refused_and_the_first_one_stays() -> None:
    stage = PusherHarness()
    client = stage.connect()
    stage.subscribe(client, "public")
    assert "Existing subscription" in error_of(stage.subscribe(client, "public"))[1]
    stage.take(client)
    stage.publish(name="news", data="1", channel="public")
    assert len(stage.take(client)) == 1


def test_unsubscribing_is_silent_idempotent_and_can_be_undone() -> None:
    stage = PusherHarness()
    client = stage.connect()
    stage.subscribe(client, "public")
    for _ in range(2):
        assert stage.say(client, "pusher:unsubscribe", data={"channel": "public"}) == []
    stage.take(client)
    stage.publish(name="news", data="1", channel="public")
    assert stage.take(client) == []
    assert stage.subscribe(client, "public")[0]["event"] == "pusher_internal:subscription_succeeded"


def test_a_channel_is_gone_when_its_last_subscriber_is() -> None:
    stage = PusherHarness()
    client = stage.connect()
    stage.subscribe(client, "public")
    stage.hang_up(client)
    assert stage.exchange.channels.find("public") is None


def test_the_number_of_subscriptions_of_a_connection_is_bounded() -> None:
    stage = PusherHarness(Settings(subscriptions_per_connection_max=1))
    client = stage.connect()
    stage.subscribe(client, "public")
    assert "at most 1" in error_of(stage.subscribe(client, "public-2"))[1]
