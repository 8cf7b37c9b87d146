"""The push service as a process: real sockets, the vendor's own library for its API, and how each refuses."""

import socket as sockets
from collections.abc import Callable

import httpx
import pusher
import pytest
from pusher.errors import PusherBadAuth, PusherBadStatus, PusherForbidden

from servers.pusher_service.authorization import Credentials
from tests.support.deadline import DEADLINE_S
from tests.support.guest import closing, narrow_socket, receive, stats, until
from tests.support.pusher_harness import CREDENTIALS
from tests.support.pusher_process import (
    official_api,
    open_connection,
    open_socket,
    push_service,
    receive_event,
    send,
    subscribe,
)

pytestmark = pytest.mark.process

SLOW_BATCHES_MAX = 400
EVENT = {"channel": "a", "name": "news", "data": "1"}


def test_the_official_librarys_signatures_admit_to_a_presence_channel(address: str, api: pusher.Pusher) -> None:
    room = "presence-signed"
    with open_connection(address) as (client, socket_id):
        signed = api.authenticate(room, socket_id, {"user_id": "ann", "user_info": {"name": "Ann"}})
        send(client, "pusher:subscribe", data={"channel": room, **signed})
        assert receive_event(client) == "pusher_internal:subscription_succeeded"
        assert api.users_info(room) == {"users": [{"id": "ann"}]}
        subscribe(client, socket_id, "public")
        assert api.channels_info("presence-", ["user_count"]) == {"channels": {room: {"user_count": 1}}}
        assert api.channels_info("public") == {"channels": {"public": {}}}
        attributes = ["user_count", "subscription_count"]
        assert api.channel_info(room, attributes) == {"occupied": True, "user_count": 1, "subscription_count": 1}


def test_an_event_reaches_all_but_the_excluded_socket(address: str, api: pusher.Pusher) -> None:
    with open_connection(address) as (sender, sender_id), open_connection(address) as (other, other_id):
        for client, socket_id, channel in ((sender, sender_id, "a"), (other, other_id, "a"), (other, other_id, "b")):
            subscribe(client, socket_id, f"private-{channel}")
        api.trigger(["private-a", "private-b", "private-a", "nobody"], "first", "1", socket_id=sender_id)
        api.trigger("private-a", "second", "1", socket_id="999.999")  # who is nobody
        api.trigger_batch([{"channel": "private-a", "name": name, "data": ""} for name in ("third", "fourth")])
        assert [receive_event(other) for _ in range(5)] == ["first", "first", "second", "third", "fourth"]
        assert [receive_event(sender) for _ in range(3)] == ["second", "third", "fourth"]


def test_an_abrupt_end_frees_the_channel_and_removes_the_member(address: str, api: pusher.Pusher) -> None:
    room = "presence-abrupt"
    with open_connection(address) as (ann, ann_id), open_connection(address) as (bob, bob_id):
        subscribe(ann, ann_id, room, {"user_id": "ann"})
        subscribe(bob, bob_id, room, {"user_id": "bob"})
        subscribe(bob, bob_id, "private-only-bob")
        assert receive_event(ann) == "pusher_internal:member_added"
        bob.socket.shutdown(sockets.SHUT_RDWR)
        assert receive_event(ann) == "pusher_internal:member_removed"
        assert api.channel_info("private-only-bob") == {"occupied": False}
        assert api.channels_info("private-only") == {"channels": {}}


def test_a_silent_client_is_pinged_and_closed_with_4201() -> None:
    timed = push_service("--activity-timeout-s", "1", "--pong-wait-s", "0.1")
    with timed as service, open_connection(service.address) as (silent, _):
        assert service.facts["pid"] == service.process.pid
        assert receive_event(silent) == "pusher:ping"
        assert closing(silent)[0] == 4201


def test_health_and_stats_count_what_a_bill_would(address: str, api: pusher.Pusher) -> None:
    until(lambda: stats(address)["connections_open"] == 0)  # none of an earlier test
    before = stats(address)
    with open_connection(address) as (client, socket_id):
        assert httpx.get(f"{address}/health", trust_env=False, timeout=DEADLINE_S).json() == {"status": "ok"}
        subscribe(client, socket_id, "private-billed")
        api.trigger("private-billed", "message", "1")
        assert receive_event(client) == "message"
        found = stats(address)
    counted = ("api_calls", "events_published", "deliveries", "subscriptions", "connections_open")
    assert {name: found[name] - before[name] for name in counted} == dict.fromkeys(counted, 1)
    assert found["billed_messages"] - before["billed_messages"] == 2
    assert found["wire"]["websocket"]["sent"] > before["wire"]["websocket"]["sent"]


def test_a_client_that_does_not_read_is_closed_with_4200_and_delays_no_other(address: str, api: pusher.Pusher) -> None:
    before = stats(address)["slow_connections_closed"]
    with (
        open_connection(address, sock=narrow_socket(address), max_queue=1) as (slow, slow_id),
        open_connection(address) as (fast, fast_id),
    ):
        subscribe(slow, slow_id, "private-flood")
        subscribe(fast, fast_id, "private-flood")
        event = {"channel": "private-flood", "name": "message", "data": "x" * 10_000}
        for _ in range(SLOW_BATCHES_MAX):
            api.trigger_batch([dict(event) for _ in range(10)])
            assert [receive_event(fast) for _ in range(10)] == ["message"] * 10
            if stats(address)["slow_connections_closed"] > before:
                break
        assert closing(slow)[0] == 4200
        send(fast, "pusher:ping")
        assert receive_event(fast) == "pusher:pong"


@pytest.mark.parametrize(
    ("app_id", "secret", "call", "refusal"),
    [
        ("7", "guessed", lambda api: api.trigger("a", "news", "1"), "auth_signature"),
        ("7", "guessed", lambda api: api.trigger_batch([dict(EVENT)]), "auth_signature"),
        ("7", "guessed", lambda api: api.channels_info(), "auth_signature"),
        ("7", "guessed", lambda api: api.channel_info("a"), "auth_signature"),
        ("7", "guessed", lambda api: api.users_info("presence-a"), "auth_signature"),
        ("8", CREDENTIALS.secret, lambda api: api.trigger("a", "news", "1"), "404"),
        ("7", CREDENTIALS.secret, lambda api: api.trigger_batch([EVENT | {"data": "x" * 10_241}], True), "413"),
        ("7", CREDENTIALS.secret, lambda api: api.terminate_user_connections("ann"), "404: there is no such path"),
    ],
    ids=["trigger", "batch", "channels", "channel", "users", "another app", "long data", "the library's wrong path"],
)
def test_every_call_of_the_official_library_gets_its_refusal(
    address: str, app_id: str, secret: str, call: Callable[[pusher.Pusher], object], refusal: str
) -> None:
    error = PusherBadAuth if refusal == "auth_signature" else PusherBadStatus
    credentials = Credentials(app_id, CREDENTIALS.key, secret)
    with official_api(address, credentials) as api, pytest.raises(error, match=refusal):
        call(api)


def test_a_plans_limits_of_connections_and_messages_are_enforced() -> None:
    with (
        push_service("--connections", "1", "--messages-a-day", "1") as service,
        official_api(service.address) as api,
        open_connection(service.address),
        open_socket(service.address) as second,
    ):
        assert closing(second)[0] == 4100
        api.trigger("a", "news", "1")
        with pytest.raises(PusherForbidden, match="midnight"):
            api.trigger("a", "news", "2")
        plan = {"connections": 1, "messages_a_day": 1, "messages_today": 1}
        assert stats(service.address)["plan"] == plan


def test_a_body_over_the_limit_is_refused_with_413_before_its_signature_is_checked(address: str) -> None:
    too_long = b"x" * (1024 * 1024 + 1)
    assert (
        httpx.post(f"{address}/apps/7/events", content=too_long, trust_env=False, timeout=DEADLINE_S).status_code == 413
    )


def test_a_client_of_a_fallback_learns_that_the_service_stops() -> None:
    stream = f"/pusher/app/{CREDENTIALS.key}/7/abcdefgh/xhr_streaming?protocol=7"
    with push_service() as service, httpx.stream("POST", service.address + stream, trust_env=False) as response:
        lines = response.iter_lines()
        assert next(lines) == "o"
        service.process.terminate()
        assert list(lines)[-1].startswith("c[1012,")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/app/wrong\N{PILE OF POO}?protocol=7", 4001),
        *((f"/app/{CREDENTIALS.key}?protocol={wrong}", 4006) for wrong in ("x", "")),
        *((f"/app/{CREDENTIALS.key}?protocol={wrong}", 4007) for wrong in ("4", "8")),
        (f"/app/{CREDENTIALS.key}", 4008),
    ],
)
def test_a_rejected_connection_gets_an_error_and_is_closed_with_its_code(address: str, path: str, code: int) -> None:
    with open_socket(address, path) as client:
        frame = receive(client)
        assert (frame["event"], frame["data"]["code"]) == ("pusher:error", code)
        assert closing(client)[0] == code


def test_a_binary_frame_gets_an_error_and_an_oversized_one_ends_its_connection_only(address: str) -> None:
    with open_connection(address) as (client, _), open_connection(address) as (other, _):
        other.send(b"\x00")
        assert receive_event(other) == "pusher:error"
        client.send("x" * (64 * 1024 + 1))
        assert closing(client)[0] == 1009
        assert other.ping().wait(DEADLINE_S), "a control ping is answered with a pong"
