"""Events that clients send to each other through the push service, and what it counts of all messages."""

import pytest

from servers.pusher_service.errors import ApiError
from servers.pusher_service.limits import Limits
from tests.support.pusher_harness import PusherHarness, error_of

PRIVATE = "private-room"
ENCRYPTED = "private-encrypted-room"
ROOM = "presence-room"


def test_a_quota_that_is_used_up_refuses_messages_until_midnight() -> None:
    harness = PusherHarness(Limits(messages_a_day=3))
    client = harness.connect(PRIVATE)
    harness.publish(channel=PRIVATE)
    assert harness.quota.used == 2
    assert harness.send(client, "client-hello", channel=PRIVATE, data={}) == []
    assert harness.quota.used == 3
    assert error_of(harness.send(client, "client-hello", channel=PRIVATE, data={}))[0] == 4004
    for call in (harness.api.publish, harness.api.publish_batch):
        with pytest.raises(ApiError, check=lambda error: error.status == 403):
            call(b"{}")
    harness.now_s += 86_400
    assert (harness.quota.used, harness.quota.is_used_up) == (0, False)


def test_what_is_counted_after_midnight_counts_for_the_new_day_also_without_a_limit() -> None:
    harness = PusherHarness()
    for _ in range(2):
        harness.advance(86_400)
        harness.api.list_users(ROOM)
    assert harness.quota.used == 1


def test_a_client_event_reaches_the_others_and_not_its_sender(harness: PusherHarness) -> None:
    sender, other = harness.connect(PRIVATE), harness.connect(PRIVATE)
    assert harness.send(sender, "client-typing", channel=PRIVATE, data={"on": True}) == []
    assert harness.take(other) == [{"event": "client-typing", "channel": PRIVATE, "data": '{"on": true}'}]


def test_a_client_event_names_its_sender_to_the_members_of_a_presence_channel(harness: PusherHarness) -> None:
    ann, bob = harness.connect_member(ROOM, "ann"), harness.connect_member(ROOM, "bob")
    harness.take(bob)
    harness.send(ann, "client-typing", channel=ROOM, data="yes", user_id="eve")
    assert harness.take(bob) == [{"event": "client-typing", "channel": ROOM, "data": "yes", "user_id": "ann"}]


@pytest.mark.parametrize(
    ("channel", "complaint"),
    [*((name, "subscribed to") for name in ("public", PRIVATE, "", None)), (ENCRYPTED, "encr")],
)
def test_a_client_event_needs_a_subscription_to_a_private_channel_that_is_not_encrypted(
    channel: str | None, complaint: str, harness: PusherHarness
) -> None:
    client, other = harness.connect("public", ENCRYPTED), harness.connect(PRIVATE, ENCRYPTED)
    assert complaint in error_of(harness.send(client, "client-typing", channel=channel, data={}))[1]
    assert harness.take(other) == []


def test_the_eleventh_client_event_of_a_second_is_refused_and_the_connection_stays(harness: PusherHarness) -> None:
    client = harness.connect(PRIVATE)
    for _ in range(10):
        harness.now_s += 0.05
        assert harness.send(client, "client-x", channel=PRIVATE) == []
    for pause_s in (0, 0.54):  # then the first event was 0.99 s ago
        harness.now_s += pause_s
        assert error_of(harness.send(client, "client-x", channel=PRIVATE))[0] == 4301
    harness.now_s += 0.02
    assert harness.send(client, "client-x", channel=PRIVATE) == []
    assert harness.closed == []


LONGEST_NAME = "client-" + "x" * 193
LONGEST_DATA = "é" * 5120


@pytest.mark.parametrize(
    ("event", "data"), [(LONGEST_NAME + "x", ""), ("client-x", LONGEST_DATA + "x")], ids=["name", "data"]
)
def test_only_a_client_event_over_the_limits_is_refused(event: str, data: str, harness: PusherHarness) -> None:
    client = harness.connect(PRIVATE)
    assert harness.send(client, LONGEST_NAME, channel=PRIVATE, data=LONGEST_DATA) == []
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
