"""The push service, as one process and as two: real sockets, and the vendor's own library for its API."""

import os
import socket as sockets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pusher
import pytest

from servers.deploy.processes import Running
from tests.support.engines import Engines
from tests.support.pusher_process import (
    DEADLINE_S,
    ENV,
    TOPOLOGIES,
    Json,
    arguments_of,
    close_code,
    greeted,
    heard,
    official_api,
    push_service,
    say,
    socket,
    subscribed,
)

pytestmark = pytest.mark.process

SLOW_BATCHES_MAX = 400
Start = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(scope="module", params=TOPOLOGIES)
def start(request: pytest.FixtureRequest, engines: Engines) -> Start:
    """Return what runs a service: as one process, or as two workers that share a Redis."""
    return lambda *arguments: push_service(*arguments_of(request.param, engines), *arguments)


@pytest.fixture(scope="module")
def service(start: Start) -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def address(service: Running) -> str:
    return service.address


@pytest.fixture
def api(address: str) -> Iterator[pusher.Pusher]:
    with official_api(address) as api:
        yield api


def page(address: str, path: str) -> Json:
    with httpx.Client(trust_env=False, base_url=address) as http:
        answer: Json = http.get(path).raise_for_status().json()
        return answer


def test_the_ready_line_tells_the_process(service: Running) -> None:
    assert service.facts["pid"] == service.process.pid


def test_missing_credentials_are_named() -> None:
    env = {name: value for name, value in os.environ.items() if name not in ENV} | {"PUSHER_APP_ID": "7"}
    command = [sys.executable, "-m", "servers.pusher_service"]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert run.returncode != 0
    assert "PUSHER_KEY, PUSHER_SECRET" in run.stderr


def test_an_event_of_the_official_library_reaches_a_private_subscriber(address: str, api: pusher.Pusher) -> None:
    with socket(address) as client:
        assert subscribed(client, greeted(client), "private-room") == {}
        assert api.trigger("private-room", "message", {"n": 1}) == {}
        assert heard(client) == {"event": "message", "channel": "private-room", "data": '{"n": 1}'}


def test_the_official_librarys_signatures_admit_to_a_presence_channel(address: str, api: pusher.Pusher) -> None:
    room = "presence-signed"
    with socket(address) as client:
        signed = api.authenticate(room, greeted(client), {"user_id": "ann", "user_info": {"name": "Ann"}})
        say(client, "pusher:subscribe", data={"channel": room, **signed})
        assert heard(client)["event"] == "pusher_internal:subscription_succeeded"
        assert api.users_info(room) == {"users": [{"id": "ann"}]}
        assert api.channels_info("presence-", ["user_count"]) == {"channels": {room: {"user_count": 1}}}
        attributes = ["user_count", "subscription_count"]
        assert api.channel_info(room, attributes) == {"occupied": True, "user_count": 1, "subscription_count": 1}


def test_a_batch_and_an_exclusion_work_through_the_official_library(address: str, api: pusher.Pusher) -> None:
    with socket(address) as sender, socket(address) as other:
        sender_id = greeted(sender)
        subscribed(sender, sender_id, "private-a")
        subscribed(other, greeted(other), "private-a")
        api.trigger(["private-a", "private-b"], "first", "1", socket_id=sender_id)
        api.trigger_batch([{"channel": "private-a", "name": name, "data": ""} for name in ("second", "third")])
        assert [heard(other)["event"] for _ in range(3)] == ["first", "second", "third"]
        assert [heard(sender)["event"] for _ in range(2)] == ["second", "third"]


def test_an_abrupt_end_frees_the_channel_and_removes_the_member(address: str, api: pusher.Pusher) -> None:
    room = "presence-abrupt"
    with socket(address) as stays, socket(address) as leaves:
        subscribed(stays, greeted(stays), room, {"user_id": "ann"})
        leaver = greeted(leaves)
        subscribed(leaves, leaver, room, {"user_id": "bob"})
        subscribed(leaves, leaver, "private-only-bob")
        assert heard(stays)["event"] == "pusher_internal:member_added"
        leaves.socket.shutdown(sockets.SHUT_RDWR)
        assert heard(stays)["event"] == "pusher_internal:member_removed"
        assert api.channel_info("private-only-bob") == {"occupied": False}


def test_a_silent_client_is_pinged_and_closed_with_4201_and_one_that_answers_stays(start: Start) -> None:
    with (
        start("--activity-timeout-s", "2", "--pong-wait-s", "1.5") as service,
        socket(service.address) as silent,
        socket(service.address) as awake,
    ):
        greeted(silent)
        greeted(awake)
        assert heard(awake)["event"] == "pusher:ping"
        say(awake, "pusher:pong", data={})
        assert close_code(silent) == 4201
        say(awake, "pusher:ping", data={})
        assert heard(awake)["event"] == "pusher:pong"


def test_a_client_that_does_not_read_is_closed_with_4200_and_holds_nobody_up(address: str, api: pusher.Pusher) -> None:
    host, port = address.removeprefix("http://").split(":")
    before = page(address, "/stats")["slow_connections_closed"]
    with sockets.socket() as narrow:
        narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        narrow.connect((host, int(port)))
        with socket(address, sock=narrow, max_queue=1) as slow, socket(address) as fast:
            for client in (slow, fast):
                subscribed(client, greeted(client), "private-flood")
            event = {"channel": "private-flood", "name": "message", "data": "x" * 10_000}
            for _ in range(SLOW_BATCHES_MAX):
                api.trigger_batch([dict(event) for _ in range(10)])
                assert [heard(fast)["event"] for _ in range(10)] == ["message"] * 10
                if page(address, "/stats")["slow_connections_closed"] > before:
                    break
            assert close_code(slow) == 4200
            say(fast, "pusher:ping")
            assert heard(fast)["event"] == "pusher:pong"


def test_health_and_stats_count_what_a_bill_would(start: Start) -> None:
    with start() as service, official_api(service.address) as api, socket(service.address) as client:
        assert page(service.address, "/health") == {"status": "ok"}
        subscribed(client, greeted(client), "private-billed")
        api.trigger("private-billed", "message", "1")
        heard(client)
        stats = page(service.address, "/stats")
    counted = ("api_calls", "events_published", "deliveries", "subscriptions", "connections_open")
    assert {name: stats[name] for name in counted} == dict.fromkeys(counted, 1)
    assert stats["billed_messages"] == 2
    assert stats["wire"]["websocket"]["sent"] > 0
