"""Presence channels and client events: what clients of the push service learn of and from each other."""

import json

import pytest

from servers.pusher_service.limits import Settings
from tests.support.pusher_harness import Json, PusherHarness, error_of

ROOM = "presence-room"
PRIVATE = "private-room"


def notices(frames: list[Json]) -> list[tuple[str, Json]]:
    return [(frame["event"].removeprefix("pusher_internal:"), json.loads(frame["data"])) for frame in frames]


def test_a_newcomer_is_told_all_members_once_itself_included() -> None:
    stage = PusherHarness()
    for user_id in ("ann", "ann"):
        stage.member(ROOM, user_id)
    newcomer = stage.member(ROOM, "bob")
    presence = {"ids": ["ann", "bob"], "hash": {"ann": {"name": "ann"}, "bob": {"name": "bob"}}, "count": 2}
    assert notices(stage.take(newcomer)) == [("subscription_succeeded", {"presence": presence})]


def test_members_hear_of_a_users_first_connection_and_of_the_last_one_to_leave() -> None:
    stage = PusherHarness()
    ann = stage.member(ROOM, "ann")
    stage.take(ann)
    windows = [stage.member(ROOM, "bob") for _ in range(2)]
    assert notices(stage.take(ann)) == [("member_added", {"user_id": "bob", "user_info": {"name": "bob"}})]
    stage.hang_up(windows[0])
    assert stage.take(ann) == []
    stage.say(windows[1], "pusher:unsubscribe", data={"channel": ROOM})
    assert notices(stage.take(ann)) == [("member_removed", {"user_id": "bob"})]


def test_an_id_that_is_a_number_comes_back_as_a_string_and_a_missing_info_as_null() -> None:
    stage = PusherHarness()
    client = stage.connect()
    stage.subscribe(client, ROOM, {"user_id": 10})
    presence = {"ids": ["10"], "hash": {"10": None}, "count": 1}
    assert notices(stage.take(client)) == [("subscription_succeeded", {"presence": presence})]


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
def test_a_user_that_is_not_one_is_refused(user: Json | None, complaint: str) -> None:
    stage = PusherHarness()
    assert complaint in error_of(stage.subscribe(stage.connect(), ROOM, user))[1]
    assert stage.exchange.channels.find(ROOM) is None


def test_a_full_channel_takes_no_new_user_but_further_windows_of_its_members() -> None:
    stage = PusherHarness(Settings(members_max=2))
    stage.member(ROOM, "ann")
    stage.member(ROOM, "bob")
    assert "takes no more" in error_of(stage.take(stage.member(ROOM, "eve")))[1]
    assert stage.take(stage.member(ROOM, "ann"))[0]["event"].endswith("subscription_succeeded")


def test_a_client_event_reaches_the_others_and_never_its_sender() -> None:
    stage = PusherHarness()
    sender, other = stage.connect(), stage.connect()
    for client in (sender, other):
        stage.subscribe(client, PRIVATE)
        stage.take(client)
    assert stage.say(sender, "client-typing", channel=PRIVATE, data={"on": True}) == []
    assert stage.take(other) == [{"event": "client-typing", "channel": PRIVATE, "data": '{"on": true}'}]


def test_a_client_event_on_a_presence_channel_says_who_sent_it() -> None:
    stage = PusherHarness()
    ann, bob = stage.member(ROOM, "ann"), stage.member(ROOM, "bob")
    stage.take(bob)
    stage.say(ann, "client-typing", channel=ROOM, data="yes", user_id="eve")
    assert stage.take(bob) == [{"event": "client-typing", "channel": ROOM, "data": "yes", "user_id": "ann"}]


@pytest.mark.parametrize("channel", ["public", PRIVATE, "", None])
def test_a_client_event_needs_a_subscription_to_a_private_or_presence_channel(channel: str | None) -> None:
    stage = PusherHarness()
    client, listener = stage.connect(), stage.connect()
    stage.subscribe(client, "public")
    stage.subscribe(listener, PRIVATE)
    stage.take(listener)
    answer = stage.say(client, "client-typing", channel=channel, data={})
    assert "subscribed to" in error_of(answer)[1]
    assert stage.take(listener) == []


def test_the_eleventh_client_event_of_a_second_is_refused_with_4301_and_the_connection_stays() -> None:
    stage = PusherHarness()
    client = stage.connect()
    stage.subscribe(client, PRIVATE)
    for _ in range(10):
        stage.now_s += 0.05
        assert stage.say(client, "client-x", channel=PRIVATE) == []
    assert error_of(stage.say(client, "client-x", channel=PRIVATE))[0] == 4301
    stage.now_s += 0.6
    assert stage.say(client, "client-x", channel=PRIVATE) == []
    assert stage.closed == {}


@pytest.mark.parametrize(("event", "data"), [("client-" + "x" * 194, ""), ("client-x", "é" * 5121)])
def test_a_client_event_that_is_too_large_is_refused(event: str, data: str) -> None:
    stage = PusherHarness()
    client = stage.connect()
    stage.subscribe(client, PRIVATE)
    assert "at most" in error_of(stage.say(client, event, channel=PRIVATE, data=data))[1]


def test_what_is_billed_is_every_message_in_and_every_message_out() -> None:
    stage = PusherHarness()
    ann, bob = stage.member(ROOM, "ann"), stage.member(ROOM, "bob")
    assert stage.relay.counters.billed_messages == 1, "one notice that bob joined"
    stage.publish(name="news", data="1", channel=ROOM)
    assert stage.relay.counters.billed_messages == 1 + 3
    stage.say(ann, "client-x", channel=ROOM)
    assert stage.relay.counters.billed_messages == 1 + 3 + 2
    stage.say(ann, "pusher:ping")
    stage.hang_up(bob)
    assert stage.relay.counters.billed_messages == 1 + 3 + 2 + 1
