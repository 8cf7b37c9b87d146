"""A presence channel of the push service: who is a member, and who gets notices."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.pusher_service.limits import Limits
from tests.support.pusher_harness import Json, PusherHarness, error_of

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
    expected = {"watcher"} | {user for user in USERS if windows[user]}
    assert present == expected == set(harness.broker.channel(ROOM).members)


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
    assert [*harness.broker.channel(ROOM).members] == ["ann", "bob"]
