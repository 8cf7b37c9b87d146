"""Presence channels and client events: what clients of the push service learn of and from each other."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.pusher_service.limits import Limits
from tests.support.pusher_harness import Json, PusherHarness, error_of

ROOM = "presence-room"
PRIVATE = "private-room"
USERS = ("ann", "bob", "zoë \n")


def notices(frames: list[Json]) -> list[tuple[str, Json]]:
    return [(frame["event"].removeprefix("pusher_internal:"), json.loads(frame["data"])) for frame in frames]


def test_a_newcomer_gets_all_members_once_itself_included_by_ids_that_are_strings(harness: PusherHarness) -> None:
    for user_id in ("ann", "ann"):
        harness.connect_member(ROOM, user_id)
    harness.subscribe(newcomer := harness.connect(), ROOM, {"user_id": 10})
    presence = {"ids": ["ann", "10"], "hash": {"ann": {"name": "ann"}, "10": None}, "count": 2}
    assert notices(harness.take(newcomer)) == [("subscription_succeeded", {"presence": presence})]


def test_members_learn_of_a_users_first_connection_and_of_the_last_one_to_leave(harness: PusherHarness) -> None:
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
    """Whoever is named opens a window, or closes one of three."""
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
        assert (data["user_id"] in present) == (change == "member_removed"), "a notice of what was known"
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
def test_a_user_that_is_not_one_is_refused(user: Json | None, complaint: str, harness: PusherHarness) -> None:
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


def test_a_client_event_reaches_the_others_never_its_sender_whom_it_names_to_members(harness: PusherHarness) -> None:
    sender, other = harness.connect(PRIVATE), harness.connect(PRIVATE)
    assert harness.send(sender, "client-typing", channel=PRIVATE, data={"on": True}) == []
    assert harness.take(other) == [{"event": "client-typing", "channel": PRIVATE, "data": '{"on": true}'}]
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
