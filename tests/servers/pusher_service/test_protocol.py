"""Protocol 7 as a state machine: how each frame of a client is answered, and who else is sent what."""

import json

import pytest

from servers.pusher_service.errors import ConnectionRejected
from servers.pusher_service.limits import Limits
from servers.pusher_service.signatures import channel_auth
from tests.support.pusher_harness import CREDENTIALS, PusherHarness, error_of

PRIVATE = "private-room"


@pytest.mark.parametrize("protocol", ["5", "6", "7"])
def test_a_greeting_states_the_socket_id_and_the_activity_timeout(protocol: str, harness: PusherHarness) -> None:
    socket_id, greeting = harness.connections.open(CREDENTIALS.key, protocol)
    frame = json.loads(greeting)
    assert frame["event"] == "pusher:connection_established"
    assert json.loads(frame["data"]) == {"socket_id": socket_id, "activity_timeout": 120}


def test_a_connection_too_many_is_rejected_with_4100_until_one_leaves() -> None:
    harness = PusherHarness(Limits(connections_max=1))
    first = harness.connect()
    with pytest.raises(ConnectionRejected, check=lambda rejected: rejected.code == 4100):
        harness.connect()
    harness.connections.close(first)
    harness.connect()


@pytest.mark.parametrize("data", ["", {}, None, "{}"])
def test_a_ping_is_answered_with_a_pong(data: object, harness: PusherHarness) -> None:
    assert harness.send(harness.connect(), "pusher:ping", data=data) == [{"event": "pusher:pong", "data": "{}"}]


def test_a_silent_client_is_pinged_and_then_closed_once_with_4201() -> None:
    harness = PusherHarness(Limits(activity_timeout_s=120, pong_wait_s=30))
    client = harness.connect()
    harness.advance(119)
    assert harness.take(client) == []
    harness.advance(1)
    assert [frame["event"] for frame in harness.take(client)] == ["pusher:ping"]
    for _ in range(2):
        harness.advance(30)
        assert harness.closed == [(client, 4201)]
    assert harness.send(client, "pusher:ping") == []


def test_a_pong_or_any_other_frame_keeps_a_connection(harness: PusherHarness) -> None:
    client = harness.connect()
    for event in ("pusher:pong", "pusher:ping"):
        harness.advance(120)
        harness.send(client, event, data={})
    harness.advance(119)
    assert harness.closed == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "hello", "[]", "{}", '{"event":', '{"event":7}', '{"event":"pusher:subscribe"}'),
        '{"event":"pusher:subscribe","data":"{"}',
        '{"event":"pusher:subscribe","data":{"channel":7}}',
        '{"event":"pusher:unsubscribe","data":{}}',
        '{"event":"\\ud800 lone surrogate"}',
        "[" * 60_000,
        '{"event":"client-x","data":' + "[" * 60_000,
    ],
)
def test_a_malformed_frame_gets_an_error_and_the_connection_stays(text: str, harness: PusherHarness) -> None:
    client = harness.connect()
    assert error_of(harness.send_text(client, text))[0] is None
    assert harness.send(client, "pusher:ping")[0]["event"] == "pusher:pong"


@pytest.mark.parametrize("event", ["pusher:signin", "message", ""])
def test_an_event_that_is_not_served_is_refused_by_name(event: str, harness: PusherHarness) -> None:
    assert f"{event!r} is not served" in error_of(harness.send(harness.connect(), event, data={}))[1]


@pytest.mark.parametrize("channel", ["public", PRIVATE, "A-Za-z0-9_-=@,.;"])
def test_a_subscription_succeeds_with_an_empty_object_in_a_string(channel: str, harness: PusherHarness) -> None:
    assert harness.subscribe(harness.connect(), channel) == [
        {"event": "pusher_internal:subscription_succeeded", "channel": channel, "data": "{}"}
    ]


@pytest.mark.parametrize(
    ("channels", "complaint"),
    [
        (["", "a room", "é", "#server-to-user-1", "x" * 165], "expected 1 to 164"),
        (["cache-a", "private-cache-a", "presence-cache-a", "private-encrypted-a"], "not served here"),
    ],
)
def test_a_bad_name_or_kind_of_channel_is_refused(channels: list[str], complaint: str, harness: PusherHarness) -> None:
    client = harness.connect()
    for channel in channels:
        assert complaint in error_of(harness.subscribe(client, channel))[1]
    assert harness.broker.occupied("") == []


def test_a_signature_is_good_for_one_socket_one_channel_and_one_user(harness: PusherHarness) -> None:
    client, other = harness.connect(), harness.connect()
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
        assert "does not match" in error_of(harness.send(client, "pusher:subscribe", data=data))[1]
    assert harness.broker.occupied("") == []


def test_a_second_subscription_is_refused_and_the_first_one_stays(harness: PusherHarness) -> None:
    client = harness.connect("public")
    assert "Existing subscription" in error_of(harness.subscribe(client, "public"))[1]
    harness.take(client)
    harness.publish(channel="public")
    assert len(harness.take(client)) == 1


def test_unsubscribing_is_silent_idempotent_and_can_be_undone(harness: PusherHarness) -> None:
    client = harness.connect("public")
    for _ in range(2):
        assert harness.send(client, "pusher:unsubscribe", data={"channel": "public"}) == []
    harness.publish(channel="public")
    assert harness.take(client) == []
    assert harness.subscribe(client, "public")[0]["event"] == "pusher_internal:subscription_succeeded"


def test_the_number_of_subscriptions_of_a_connection_is_bounded() -> None:
    harness = PusherHarness(Limits(subscriptions_per_connection_max=1))
    assert "at most 1" in error_of(harness.subscribe(harness.connect("public"), "public-2"))[1]


def test_the_number_of_subscriptions_of_all_connections_is_bounded() -> None:
    harness = PusherHarness(Limits(subscriptions_max=2))
    first, second = harness.connect("public"), harness.connect("public")
    assert "all 2" in error_of(harness.subscribe(second, "public-2"))[1]
    harness.connections.close(first)
    assert harness.subscribe(second, "public-2")[0]["event"] == "pusher_internal:subscription_succeeded"
