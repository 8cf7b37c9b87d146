"""Version 7 of the Pusher protocol as a state machine: the response to each frame."""

import json

import pytest

from servers.pusher_service.authorization import channel_auth, user_auth
from servers.pusher_service.channels import BYTES_MAX, CACHED
from servers.pusher_service.errors import ConnectionRejected
from servers.pusher_service.limits import Limits
from tests.support.pusher_harness import CREDENTIALS, Json, PusherHarness, error_of

PRIVATE = "private-room"


@pytest.mark.parametrize("protocol", ["5", "6", "7"])
def test_a_greeting_states_the_socket_id_and_the_activity_timeout(protocol: str, harness: PusherHarness) -> None:
    socket_id, greeting = harness.connections.open(CREDENTIALS.key, protocol)
    frame = json.loads(greeting)
    assert frame["event"] == "pusher:connection_established"
    assert json.loads(frame["data"]) == {"socket_id": socket_id, "activity_timeout": 120}


def test_a_connection_over_the_limit_is_rejected_with_4100_until_one_leaves() -> None:
    harness = PusherHarness(Limits(connections_max=1))
    first = harness.connect()
    with pytest.raises(ConnectionRejected, check=lambda rejected: rejected.code == 4100):
        harness.connect()
    harness.connections.close(first)
    harness.connect()


def test_a_silent_client_is_pinged_and_then_closed_once_with_4201() -> None:
    harness = PusherHarness(Limits(activity_timeout_s=120, pong_wait_s=30))
    client = harness.connect()
    harness.advance(119)
    assert harness.take(client) == []
    harness.advance(1)
    assert [frame["event"] for frame in harness.take(client)] == ["pusher:ping"]
    for seconds, closed in ((29, []), (1, [(client, 4201)]), (30, [(client, 4201)])):
        harness.advance(seconds)
        assert harness.closed == closed
    assert harness.send(client, "pusher:ping") == []


@pytest.mark.parametrize("data", ["", {}, None, "{}"])
def test_a_ping_is_answered_with_a_pong_and_either_keeps_a_connection(data: object, harness: PusherHarness) -> None:
    client = harness.connect()
    for event, answers in (("pusher:pong", []), ("pusher:ping", [{"event": "pusher:pong", "data": "{}"}])):
        harness.advance(120)
        assert harness.send(client, event, data=data) == answers
    harness.take(client)
    harness.advance(119)
    assert (harness.take(client), harness.closed) == ([], [])


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


@pytest.mark.parametrize("event", ["pusher:watch", "message", ""])
def test_an_event_that_is_not_served_is_refused_by_name(event: str, harness: PusherHarness) -> None:
    assert f"{event!r} is not served" in error_of(harness.send(harness.connect(), event, data={}))[1]


@pytest.mark.parametrize("channel", ["public", PRIVATE, "private-encrypted-room", "A-Za-z0-9_-=@,.;"])
def test_a_subscription_succeeds_with_an_empty_object_in_a_string(channel: str, harness: PusherHarness) -> None:
    assert harness.subscribe(harness.connect(), channel) == [
        {"event": "pusher_internal:subscription_succeeded", "channel": channel, "data": "{}"}
    ]


@pytest.mark.parametrize(
    ("channel", "complaint"),
    [
        *((name, "expected 1 to 164") for name in ("", "a room", "é", "#server-to-user-", "#private-a", "x" * 165)),
        ("#server-to-user-ann", "sign in as that user first"),
    ],
)
def test_a_bad_name_or_another_users_channel_is_refused(channel: str, complaint: str, harness: PusherHarness) -> None:
    assert complaint in error_of(harness.subscribe(harness.connect(), channel))[1]
    assert not harness.broker.channel(channel).subscribers


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


def test_unsubscribing_is_silent_and_idempotent_and_can_be_undone(harness: PusherHarness) -> None:
    client = harness.connect("public")
    for _ in range(2):
        assert harness.send(client, "pusher:unsubscribe", data={"channel": "public"}) == []
    harness.publish(channel="public")
    assert harness.take(client) == []
    (answer,) = harness.send(client, "pusher:subscribe", data={"channel": "public", "auth": None})
    assert answer["event"] == "pusher_internal:subscription_succeeded"


def test_the_numbers_of_subscriptions_of_a_connection_and_of_all_are_bounded() -> None:
    harness = PusherHarness(Limits(subscriptions_per_connection_max=2, subscriptions_max=3))
    first, second = harness.connect("public", "public-2"), harness.connect("public")
    assert "at most 2" in error_of(harness.subscribe(first, "public-3"))[1]
    assert "all 3" in error_of(harness.subscribe(second, "public-2"))[1]
    harness.connections.close(first)
    assert harness.subscribe(second, "public-2")[0]["event"] == "pusher_internal:subscription_succeeded"


@pytest.mark.parametrize("channel", CACHED)
def test_a_cache_channel_keeps_its_last_event_for_half_an_hour(channel: str, harness: PusherHarness) -> None:
    user = {"user_id": "ann"} if channel.startswith("presence") else None
    missed = harness.subscribe(harness.connect(), channel, user)[1:]
    assert missed == [{"event": "pusher:cache_miss", "channel": channel, "data": "{}"}]
    for number in (1, 2):
        harness.publish(channel=channel, data=str(number))
    found = harness.subscribe(harness.connect(), channel, user)[1:]
    assert found == [{"event": "news", "channel": channel, "data": "2"}]
    assert harness.counters.deliveries == 2 + 1, "a cached event is delivered, too"
    asked = {"info": "cache"}
    assert harness.api.describe_channel(channel, asked)["cache"] == {"data": "2", "ttl": 1800}
    harness.now_s += 1800
    assert harness.subscribe(harness.connect(), channel, user)[1:] == missed
    assert harness.api.describe_channel(channel, asked) == {"occupied": True}


EVENTS = 300
BYTES_EACH = 80_000  # at least: the cache counts four bytes for each of 10,000 characters, in the data and in the frame


def test_cached_events_are_bounded_in_bytes_and_the_oldest_go(harness: PusherHarness) -> None:
    for number in range(EVENTS):
        harness.publish(channel=f"cache-{number}", data="x" * 10_000)
    kept = [bool(harness.broker.cache.get(f"cache-{number}")) for number in range(EVENTS)]
    assert kept == sorted(kept)
    assert BYTES_MAX < EVENTS * BYTES_EACH, "not all of them fit"
    assert 0 < kept.count(True) * BYTES_EACH <= BYTES_MAX


def test_a_channels_next_event_replaces_the_last_one_and_no_other_channels(harness: PusherHarness) -> None:
    harness.publish(channel="cache-other")
    for _ in range(EVENTS):
        harness.publish(channel="cache-busy", data="x" * 10_000)
    assert harness.broker.cache.get("cache-other")


def sign_in(harness: PusherHarness, socket_id: str, **user: object) -> list[Json]:
    user_data = json.dumps(user)
    auth = user_auth(CREDENTIALS, socket_id, user_data)
    return harness.send(socket_id, "pusher:signin", data={"auth": auth, "user_data": user_data})


def test_a_user_who_has_signed_in_gets_the_events_for_that_user_until_terminated(harness: PusherHarness) -> None:
    windows = [harness.connect(), harness.connect()]
    bob = harness.connect()
    for window in windows:
        (answer,) = sign_in(harness, window, id="ann")
        assert answer["event"] == "pusher:signin_success"
        assert json.loads(answer["data"]) == {"user_data": '{"id": "ann"}'}
        assert "succeeded" in harness.subscribe(window, "#server-to-user-ann")[0]["event"]
    sign_in(harness, bob, id="bob")
    assert "as another user" in error_of(sign_in(harness, bob, id="ann"))[1]
    harness.publish(channel="#server-to-user-ann")
    assert [harness.take(window)[-1]["event"] for window in windows] == ["news", "news"]
    assert (harness.broker.occupied(""), harness.notes) == ([], [])
    assert harness.api.terminate_connections("ann") == {}
    assert harness.closed == [(window, 4009) for window in windows]


@pytest.mark.parametrize(
    ("user", "complaint"),
    [({"id": ""}, "1 to 128"), ({"id": 7}, "Expected `str`"), ({"id": "a", "watchlist": ["b"]}, "watchlists")],
)
def test_a_sign_in_that_cannot_be_served_is_refused(user: Json, complaint: str, harness: PusherHarness) -> None:
    client = harness.connect()
    assert complaint in error_of(sign_in(harness, client, **user)[-1:])[1]
    forged = {"auth": f"{CREDENTIALS.key}:00", "user_data": '{"id": "ann"}'}
    assert "does not match" in error_of(harness.send(client, "pusher:signin", data=forged))[1]
