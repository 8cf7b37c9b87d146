"""Several workers of the push service: what crosses from one to the other, and what happens when one of them dies.

Two processes with a port each, so that a test can choose whom it talks to; and two behind one port, as they are run.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import httpx
import pytest
from pusher.errors import PusherBadStatus
from websockets.sync.client import ClientConnection

from servers.deploy.engines import redis_server
from servers.deploy.processes import Running
from tests.support.engines import Engines
from tests.support.pusher_process import (
    DEADLINE_S,
    ENV,
    Json,
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

LEASE_S = 2.0
ROOM = "presence-room"
names = (f"presence-{n}" for n in count())


@contextmanager
def two_workers(url: str) -> Iterator[tuple[Running, Running]]:
    """Run two processes of one service, each on a port of its own."""
    arguments = ("--redis", url, "--worker-lease-s", str(LEASE_S))
    with push_service(*arguments) as one, push_service(*arguments) as other:
        yield one, other


@pytest.fixture(scope="module")
def workers(engines: Engines) -> Iterator[tuple[Running, Running]]:
    with two_workers(engines.fresh_url("redis")) as running:
        yield running


@contextmanager
def listening(worker: Running, channel: str, user_id: str | None = None) -> Iterator[ClientConnection]:
    """Open a socket to a worker and subscribe it, as a user on a presence channel."""
    with socket(worker.address) as connection:
        user = None if user_id is None else {"user_id": user_id}
        subscribed(connection, greeted(connection), channel, user)
        yield connection


def event_of(frame: Json) -> str:
    return str(frame["event"]).removeprefix("pusher_internal:")


def page(worker: Running, path: str) -> httpx.Response:
    with httpx.Client(trust_env=False, base_url=worker.address) as http:
        return http.get(path)


def until_healthy(worker: Running) -> None:
    """Ask until the worker takes part again; raises AssertionError at the deadline."""
    deadline_s = monotonic() + DEADLINE_S
    while page(worker, "/health").status_code != 200:
        assert monotonic() < deadline_s, "the worker did not recover"


def test_events_of_both_workers_reach_the_subscribers_of_both_in_one_order(workers: tuple[Running, Running]) -> None:
    one, other = workers
    with (
        listening(one, "private-order") as here,
        listening(other, "private-order") as there,
        official_api(one.address) as api,
        official_api(other.address) as other_api,
    ):
        for n in range(20):
            (api if n % 2 else other_api).trigger("private-order", f"n{n}", "")
            batch = [{"channel": "private-order", "name": f"n{n}.{part}", "data": ""} for part in range(3)]
            (other_api if n % 2 else api).trigger_batch(batch)
        expected = [name for n in range(20) for name in (f"n{n}", f"n{n}.0", f"n{n}.1", f"n{n}.2")]
        for connection in (here, there):
            assert [heard(connection)["event"] for _ in expected] == expected


def test_members_come_and_go_once_per_user_wherever_their_windows_are(workers: tuple[Running, Running]) -> None:
    one, other = workers
    room = next(names)
    with listening(one, room, "ann") as ann, listening(other, room, "bob") as bob:
        assert event_of(heard(ann)) == "member_added"
        with socket(one.address) as window:
            roster = subscribed(window, greeted(window), room, {"user_id": "bob"})
            assert roster["presence"]["ids"] == ["ann", "bob"]
        say(bob, "client-still-here", channel=room, data={})
        assert heard(ann) == {"event": "client-still-here", "channel": room, "data": "{}", "user_id": "bob"}
        say(bob, "pusher:unsubscribe", data={"channel": room})
        assert event_of(heard(ann)) == "member_removed"


def test_a_client_event_reaches_the_others_on_both_workers_and_never_its_sender(
    workers: tuple[Running, Running],
) -> None:
    one, other = workers
    with (
        listening(one, "private-typing") as sender,
        listening(one, "private-typing") as near,
        listening(other, "private-typing") as far,
    ):
        say(sender, "client-typing", channel="private-typing", data="yes")
        assert [heard(connection)["event"] for connection in (near, far)] == ["client-typing"] * 2
        say(sender, "pusher:ping")
        assert heard(sender)["event"] == "pusher:pong"


def test_the_socket_that_caused_an_event_is_left_out_though_it_sits_on_the_other_worker(
    workers: tuple[Running, Running],
) -> None:
    one, other = workers
    with socket(one.address) as cause, official_api(other.address) as api:
        socket_id = greeted(cause)
        subscribed(cause, socket_id, "private-echo")
        api.trigger("private-echo", "first", "", socket_id=socket_id)
        api.trigger("private-echo", "second", "")
        assert heard(cause)["event"] == "second"


def test_either_worker_answers_for_the_whole_service(workers: tuple[Running, Running]) -> None:
    one, other = workers
    room = next(names)
    info = ["user_count", "subscription_count"]
    before = page(one, "/stats").json()
    with listening(one, room, "ann"), listening(other, room, "bob"), listening(other, room, "ann"):
        for worker in workers:
            with official_api(worker.address) as api:
                assert sorted(user["id"] for user in api.users_info(room)["users"]) == ["ann", "bob"]
                assert api.channel_info(room, info) == {"occupied": True, "user_count": 2, "subscription_count": 3}
                assert api.channels_info(room, ["user_count"]) == {"channels": {room: {"user_count": 2}}}
        after = page(other, "/stats").json()
        assert after["connections_open"] - before["connections_open"] == 3
        assert after["subscriptions"] - before["subscriptions"] == 3
        assert after["api_queries"] - before["api_queries"] == 6
    with official_api(one.address) as api:
        assert api.channel_info(room) == {"occupied": False}


def test_a_worker_that_is_killed_takes_its_users_along_when_its_lease_is_over(engines: Engines) -> None:
    with two_workers(engines.fresh_url("redis")) as (doomed, stays), official_api(stays.address) as api:
        with listening(stays, ROOM, "ann") as ann, ExitStack() as lost:
            lost.enter_context(listening(doomed, ROOM, "bob"))
            lost.enter_context(listening(doomed, "private-only-there"))
            assert event_of(heard(ann)) == "member_added"
            os.kill(doomed.process.pid, signal.SIGKILL)
            notice = heard(ann)
            assert event_of(notice) == "member_removed"
            assert "bob" in notice["data"]
        assert api.channels_info() == {"channels": {}}


def test_a_worker_that_was_asleep_for_longer_than_its_lease_says_so_to_its_clients(engines: Engines) -> None:
    with (
        two_workers(engines.fresh_url("redis")) as (sleeper, awake),
        listening(awake, ROOM, "ann") as ann,
        listening(sleeper, ROOM, "bob") as bob,
    ):
        assert event_of(heard(ann)) == "member_added"
        os.kill(sleeper.process.pid, signal.SIGSTOP)
        try:
            assert event_of(heard(ann)) == "member_removed"
        finally:
            os.kill(sleeper.process.pid, signal.SIGCONT)
        assert close_code(bob) == 4200
        until_healthy(sleeper)
        with listening(sleeper, ROOM, "bob"):
            assert event_of(heard(ann)) == "member_added"


def test_a_lost_redis_is_told_to_everybody_and_its_return_mends_the_service() -> None:
    with (
        TemporaryDirectory(prefix="redis-") as folder,
        redis_server(Path(folder)) as engine,
        two_workers(engine.url) as (one, other),
        official_api(other.address) as api,
    ):
        with listening(one, ROOM, "ann") as ann, listening(other, ROOM, "bob") as bob:
            engine.kill()
            assert [close_code(ann), close_code(bob)] == [4200, 4200]
        with pytest.raises(PusherBadStatus, match="503"):
            api.trigger("a", "news", "1")
        assert page(one, "/health").status_code == page(one, "/stats").status_code == 503
        with socket(one.address) as refused:
            assert heard(refused)["data"]["code"] == 4100
        engine.start()
        for worker in (one, other):
            until_healthy(worker)
        with listening(one, ROOM, "ann") as ann, listening(other, ROOM, "eve"):
            assert event_of(heard(ann)) == "member_added"
            assert sorted(user["id"] for user in api.users_info(ROOM)["users"]) == ["ann", "eve"], "bob did not return"


def test_an_emptied_redis_has_all_clients_start_over(engines: Engines) -> None:
    url = engines.fresh_url("redis")
    with (
        two_workers(url) as (one, other),
        listening(one, ROOM, "ann") as ann,
        listening(other, ROOM, "bob") as bob,
    ):
        command = ["redis-cli", "-u", url, "FLUSHDB"]
        subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_S)
        assert [close_code(ann), close_code(bob)] == [4200, 4200]
        until_healthy(one)
        with socket(one.address) as back:
            roster = subscribed(back, greeted(back), ROOM, {"user_id": "ann"})
            assert roster["presence"]["ids"] == ["ann"]


def test_a_worker_behind_the_shared_port_is_replaced_and_all_end_with_their_parent(engines: Engines) -> None:
    arguments = ("--workers", "2", "--redis", engines.fresh_url("redis"), "--worker-lease-s", str(LEASE_S))
    with push_service(*arguments) as service:
        killed, stays = service.facts["workers"]
        assert service.facts["pid"] == service.process.pid not in (killed, stays)
        os.kill(killed, signal.SIGKILL)
        deadline_s = monotonic() + DEADLINE_S
        while not (children := children_of(service.process.pid)) - {killed, stays} or len(children) < 2:
            assert monotonic() < deadline_s, "the worker was not replaced"
        with socket(service.address) as client:
            greeted(client)
        service.process.kill()
        while any(is_running(pid) for pid in children | {stays}):
            assert monotonic() < deadline_s, "a worker outlived its parent"


def children_of(pid: int) -> set[int]:
    """Return the worker processes of a service: the children that are not defunct."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in found if is_running(int(child))}


def is_running(pid: int) -> bool:
    """Tell whether a process is there and not merely waited for: a defunct one has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "2"], "need --redis"),
        (["--redis", "redis://127.0.0.1:1"], "cannot connect to Redis"),
        (["--redis", "http://127.0.0.1:1"], "expected redis://"),
    ],
)
def test_what_workers_cannot_share_is_refused_with_a_reason(arguments: list[str], words: str) -> None:
    command = [sys.executable, "-m", "servers.pusher_service", *arguments]
    env = {**os.environ, **ENV, "COLUMNS": "300", "NO_COLOR": "1"}
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert run.returncode == 2
    assert words in run.stderr
