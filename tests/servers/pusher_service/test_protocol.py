"""Version 7 of the Pusher protocol as a state machine: the response to each frame, and the notices to other clients."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    for _ in range(2):
        harness.advance(30)
        assert harness.closed == [(client, 4201)]
    assert harness.send(client, "pusher:ping") == []


@pytest.mark.parametrize("data", ["", {}, None, "{}"])
def test_a_ping_is_answered_with_a_pong_and_either_keeps_a_connection(data: object, harness: PusherHarness) -> None:
    client = harness.connect()
    for event, answers in (("pusher:pong", []), ("pusher:ping", [{"event": "pusher:pong", "data": "{}"}])):
        harness.advance(120)
        assert harness.send(client, event, data=data) == answers
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
    assert harness.broker.counts(channel).subscriptions == 0


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
    asked = {"info": "cache"}
    assert harness.api.describe_channel(channel, asked)["cache"] == {"data": "2", "ttl": 1800}
    harness.now_s += 1800
    assert harness.subscribe(harness.connect(), channel, user)[1:] == missed
    assert harness.api.describe_channel(channel, asked) == {"occupied": True}


def test_cached_events_are_bounded_in_bytes_and_the_oldest_go(harness: PusherHarness) -> None:
    for number in range(300):
        harness.publish(channel=f"cache-{number}", data="x" * 10_000)
    kept = [bool(harness.broker.cache.get(f"cache-{number}")) for number in range(300)]
    assert kept == sorted(kept)
    assert BYTES_MAX < 300 * 80_000, "not all of them fit"
    assert 0 < kept.count(True) * 80_000 <= BYTES_MAX


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


def test_a_quota_that_is_used_up_refuses_messages_until_midnight() -> None:
    harness = PusherHarness(Limits(messages_a_day=3))
    client = harness.connect(PRIVATE)
    harness.publish(channel=PRIVATE)
    assert harness.quota.used == 2
    assert harness.send(client, "client-hello", channel=PRIVATE, data={}) == []
    assert harness.quota.used == 3
    assert error_of(harness.send(client, "client-hello", channel=PRIVATE, data={}))[0] == 4004
    harness.now_s += 86_400
    assert (harness.quota.used, harness.quota.is_used_up) == (0, False)


def test_a_message_after_midnight_counts_for_the_new_day_also_without_a_limit() -> None:
    harness = PusherHarness()
    for day in range(2):
        harness.now_s = 86_400.0 * day + 1000
        harness.publish(channel=PRIVATE)
    assert harness.quota.used == 1


ROOM = "presence-room"
USERS = ("ann", "bob", "zoë \n")


def notices(frames: list[Json]) -> list[tuple[str, Json]]:
    return [(frame["event"].removeprefix("pusher_internal:"), json.loads(frame["data"])) for frame in frames]


def test_a_newcomer_gets_the_list_of_members_with_itself_and_each_once(harness: PusherHarness) -> None:
    for user_id in ("ann", "ann"):
        harness.connect_member(ROOM, user_id)
    newcomer = harness.connect()
    harness.subscribe(newcomer, ROOM, {"user_id": 10})
    presence = {"ids": ["ann", "10"], "hash": {"ann": {"name": "ann"}, "10": None}, "count": 2}
    assert notices(harness.take(newcomer)) == [("subscription_succeeded", {"presence": presence})]


def test_members_get_a_notice_of_a_users_first_connection_and_of_the_end_of_the_last(harness: PusherHarness) -> None:
    ann = harness.connect_member(ROOM, "ann")
    harness.take(ann)
    windows = [harness.connect_member(ROOM, "bob") for _ in range(2)]
    assert notices(harness.take(ann)) == [("member_added", {"user_id": "bob", "user_info": {"name": "bob"}})]
    harness.connections.close(windows[0])
    assert harness.take(ann) == []
    harness.send(windows[1], "pusher:unsubscribe", data={"channel": ROOM})
    assert notices(harness.take(ann)) == [("member_removed", {"user_id": "bob"})]


@given(users=st.lists(st.sampled_from(USERS), min_size=5, max_size=30))
def test_the_list_and_the_notices_after_it_add_up_to_who_is_there(users: Sequence[str]) -> None:
    """Each user of the list opens a window, or closes one of three."""
    harness = PusherHarness()
    watcher = harness.connect_member(ROOM, "watcher")
    windows: dict[str, list[str]] = {user_id: [] for user_id in USERS}
    for user_id in users:
        if len(windows[user_id]) < 3:
            windows[user_id].append(harness.connect_member(ROOM, user_id))
        else:
            harness.connections.close(windows[user_id].pop())
    (_, welcome), *changes = notices(harness.take(watcher))
    present = set(welcome["presence"]["ids"])
    for change, data in changes:
        assert (data["user_id"] in present) == (change == "member_removed"), "a notice that changes nothing"
        present ^= {data["user_id"]}
    assert present == set(harness.broker.users(ROOM)) == {"watcher"} | {user for user in USERS if windows[user]}


@pytest.mark.parametrize(
    ("user", "complaint"),
    [
        ({"user_id": ""}, "1 to 128"),
        ({"user_id": "x" * 129}, "1 to 128"),
        ({"user_id": "x", "user_info": "i" * 1024}, "1024 bytes"),
        ({"user_info": {}}, "user_id"),
        ({"user_id": True}, "user_id"),
        ([], "object"),
        (None, "channel_data"),
    ],
)
def test_an_invalid_user_is_refused(user: Json | None, complaint: str, harness: PusherHarness) -> None:
    assert complaint in error_of(harness.subscribe(harness.connect(), ROOM, user))[1]
    assert harness.broker.occupied("") == []


def test_a_full_channel_takes_no_new_user_but_further_windows_of_its_members() -> None:
    harness = PusherHarness(Limits(members_max=2))
    for user_id in ("ann", "bob"):
        harness.connect_member(ROOM, user_id)
    refused = harness.connect_member(ROOM, "eve")
    assert "takes no more" in error_of(harness.take(refused))[1]
    assert harness.take(harness.connect_member(ROOM, "ann"))[0]["event"].endswith("subscription_succeeded")
    harness.connections.close(refused)
    assert harness.broker.users(ROOM) == ["ann", "bob"]


def test_a_client_event_reaches_the_others_and_not_its_sender(harness: PusherHarness) -> None:
    sender, other = harness.connect(PRIVATE), harness.connect(PRIVATE)
    assert harness.send(sender, "client-typing", channel=PRIVATE, data={"on": True}) == []
    assert harness.take(other) == [{"event": "client-typing", "channel": PRIVATE, "data": '{"on": true}'}]


def test_a_client_event_names_its_sender_to_the_members_of_a_presence_channel(harness: PusherHarness) -> None:
    ann, bob = harness.connect_member(ROOM, "ann"), harness.connect_member(ROOM, "bob")
    harness.take(bob)
    harness.send(ann, "client-typing", channel=ROOM, data="yes", user_id="eve")
    assert harness.take(bob) == [{"event": "client-typing", "channel": ROOM, "data": "yes", "user_id": "ann"}]


@pytest.mark.parametrize("channel", ["public", PRIVATE, "", None])
def test_a_client_event_needs_a_subscription_to_a_closed_channel(channel: str | None, harness: PusherHarness) -> None:
    client, other = harness.connect("public"), harness.connect(PRIVATE)
    assert "subscribed to" in error_of(harness.send(client, "client-typing", channel=channel, data={}))[1]
    assert harness.take(other) == []


def test_the_eleventh_client_event_of_a_second_is_refused_and_the_connection_stays(harness: PusherHarness) -> None:
    client = harness.connect(PRIVATE)
    for _ in range(10):
        harness.now_s += 0.05
        assert harness.send(client, "client-x", channel=PRIVATE) == []
    assert error_of(harness.send(client, "client-x", channel=PRIVATE))[0] == 4301
    harness.now_s += 0.6
    assert harness.send(client, "client-x", channel=PRIVATE) == []
    assert harness.closed == []


@pytest.mark.parametrize(("event", "data"), [("client-" + "x" * 194, ""), ("client-x", "é" * 5121)])
def test_a_client_event_that_is_too_large_is_refused(event: str, data: str, harness: PusherHarness) -> None:
    client = harness.connect(PRIVATE)
    assert "at most" in error_of(harness.send(client, event, channel=PRIVATE, data=data))[1]


def test_every_message_in_and_every_message_out_is_billed(harness: PusherHarness) -> None:
    ann, bob = harness.connect_member(ROOM, "ann"), harness.connect_member(ROOM, "bob")
    assert harness.counters.billed_messages == 1, "one notice that bob joined"
    harness.publish(channel=ROOM)
    assert harness.counters.billed_messages == 1 + 3
    harness.send(ann, "client-x", channel=ROOM)
    assert harness.counters.billed_messages == 1 + 3 + 2
    harness.send(ann, "pusher:ping")
    harness.connections.close(bob)
    assert harness.counters.billed_messages == 1 + 3 + 2 + 1
