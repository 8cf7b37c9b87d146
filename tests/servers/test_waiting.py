"""What differs between the transports: how long they wait, and how the waiting ends."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from websockets.sync.client import ClientConnection

from servers.core.wire import Page, decode
from servers.deploy.child_process import started
from tests.support.deadline import DEADLINE_S
from tests.support.guest import Guest, bare_socket, closing, guest, narrow_socket, receive, until
from tests.support.pusher_process import open_connection, receive_event, send

pytestmark = pytest.mark.process
HOLD_S = 0.3
LONG_HOLD = ("--hold", str(10 * DEADLINE_S))
LONG_LEASE = ("--lease", str(2 * DEADLINE_S))


@contextmanager
def serving(slug: str, *more: str) -> Iterator[Guest]:
    """Run a server, and join it."""
    with started(["servers", slug, "--port", "0", *more]) as running, guest(running.address) as ada:
        yield ada


def request_events(ada: Guest) -> socket.socket:
    """Join, and request the events on a socket with a small receive buffer."""
    ada.post("join")
    stream = narrow_socket(str(ada.http.base_url))
    head = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %b\r\n\r\n"
    stream.sendall(head % (ada.events_request.url.raw_path, ada.token.encode()))
    return stream


def command(opened: ClientConnection, kind: str, ref: int, **fields: object) -> None:
    opened.send(json.dumps({"type": kind, "ref": ref, **fields}))


def test_a_short_poll_is_answered_at_once_with_nothing() -> None:
    with serving("short_polling", *LONG_HOLD) as ada:
        assert ada.poll().json()["events"] == []
        stats = ada.http.get("/stats").json()
    assert (stats["requests"]["receive"], stats["empty_answers"]) == (1, 1)


def test_a_conditional_poll_has_no_body_until_there_is_news() -> None:
    with serving("short_polling") as ada:
        empty = ada.poll()
        tag = f'"{ada.cursor}"'
        for known in (tag, f'"other", W/{tag}', "*"):
            unchanged = ada.http.get(ada.events_request.url, headers={"If-None-Match": known})
            assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", tag)
            assert "Content-Type" not in unchanged.headers
        ada.send("1")
        news = ada.http.get(ada.events_request.url, headers={"If-None-Match": tag})
        assert (news.status_code, len(news.json()["events"])) == (200, 1)
        assert news.headers["ETag"] == f'"{ada.cursor.epoch}.{news.json()["next"]}"'
        assert "ETag" not in empty.headers


def test_a_long_poll_is_answered_with_all_that_there_is_or_when_its_time_is_over() -> None:
    with serving("long_polling", "--hold", str(HOLD_S)) as ada:
        start_s = time.monotonic()
        assert ada.poll().json()["events"] == []
        assert time.monotonic() - start_s >= HOLD_S
        for n in range(3):
            ada.send(str(n))
        assert [event["body"] for event in ada.poll().json()["events"]] == ["hello"] * 3


def test_an_idle_socket_gets_an_empty_page_per_ping_interval_and_one_that_never_joins_is_closed() -> None:
    with (
        serving("raw_websocket", "--ping", "0.1", "--log-in", "3") as ada,
        bare_socket(str(ada.http.base_url), ada.room) as silent,
        ada.socket() as idle,
    ):
        assert closing(silent) == (4401, "unauthenticated")
        assert ada.http.get("/health").json()["ping_s"] == 0.1
        for _ in range(3):
            frame = idle.recv(DEADLINE_S)
            assert decode(frame, type=Page) == Page(ada.cursor.epoch, ada.cursor.seq, ada.cursor.seq, ())
            assert len(frame) < 100


def test_a_refusal_for_sending_too_fast_says_when_to_retry_over_http_and_in_a_frame() -> None:
    with serving("raw_websocket", "--commands-per-s", "0.2") as ada, ada.socket() as opened:
        refused = ada.send("1")
        assert (refused.status_code, refused.json()["error"]) == (429, "too_many")
        assert 0 < int(refused.headers["Retry-After"]) <= 10
        command(opened, "send", 7, client_id="1", text="hello")
        answer = receive(opened)
        assert (answer["error"], answer["ref"]) == ("too_many", 7)
        assert 0 < answer["retry_after_s"] <= 10


def test_a_socket_whose_user_leaves_is_closed_and_one_that_closes_takes_its_user_offline() -> None:
    with serving("raw_websocket", *LONG_LEASE) as ada, guest(str(ada.http.base_url), ada.room) as bob:
        with ada.socket() as opened:
            command(opened, "leave", 1, connection="c")
            assert closing(opened)[0] == 1000
        with ada.socket() as opened:
            ada.post("leave")
            assert closing(opened) == (4403, "not_joined")
        with ada.socket():
            pass
        until(lambda: ada.name not in bob.online())


def test_leaving_from_elsewhere_ends_the_held_poll() -> None:
    with serving("long_polling", *LONG_HOLD) as ada, ThreadPoolExecutor() as threads:
        poll = threads.submit(ada.poll)
        until(lambda: ada.http.get("/stats").json()["requests"]["receive"])
        ada.post("leave")
        assert poll.result().json()["error"] == "not_joined"


def test_leaving_from_elsewhere_ends_the_connection_to_the_push_service() -> None:
    with serving("pusher_adapter") as ada:
        at = ada.http.get("/pusher/service").json()
        with open_connection(f"http://{at['host']}:{at['port']}", path=f"/app/{at['key']}?protocol=7") as (pushed, own):
            channel = f"private-room-{ada.room}"
            signed = ada.http.post("/pusher/auth", data={"socket_id": own, "channel_name": channel}).json()
            send(pushed, "pusher:subscribe", data={"channel": channel, "auth": signed["auth"]})
            send(pushed, "pusher:signin", data=signed["user"])
            for succeeded in ("pusher_internal:subscription_succeeded", "pusher:signin_success"):
                assert receive_event(pushed) == succeeded
            ada.post("leave")
            assert closing(pushed)[0] == 4009


@pytest.mark.parametrize("slug", ["long_polling", "server_sent_events"])
def test_a_client_that_hangs_up_on_a_held_request_is_no_fault(slug: str, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(slug, *LONG_HOLD) as ada:
        with request_events(ada):
            until(lambda: ada.http.get("/stats").json()["requests"]["receive"])
        ada.send("next")
    assert capfd.readouterr().err == ""


def test_a_reader_of_a_stream_that_takes_nothing_for_a_lease_goes_offline() -> None:
    with (
        serving("server_sent_events", "--lease", "0.5") as ada,
        guest(str(ada.http.base_url), ada.room) as bob,
        request_events(ada),
    ):
        assert ada.name in bob.online()
        for sent in range(120):  # 24 kB each as JSON: more than the kernel buffers
            assert bob.send(str(sent), "\x01" * 4000).is_success
        until(lambda: ada.name not in bob.online())


def test_a_stream_that_is_replaced_at_once_does_not_take_its_user_offline() -> None:
    """A phone that changes networks replaces its stream so."""
    with serving("server_sent_events", *LONG_LEASE) as ada, guest(str(ada.http.base_url), ada.room) as bob:
        with ExitStack() as last:
            for _ in range(10):
                stream = request_events(ada)
                last.close()
                last.enter_context(stream)
                assert b" 200 " in stream.recv(1000)
                assert ada.name in bob.online()
        until(lambda: ada.name not in bob.online())


def test_a_client_that_does_not_read_delays_no_other_and_loses_nothing() -> None:
    count = 400
    text = "x" * 4000  # in all far more than the kernel buffers for a socket of this size
    with (
        serving("raw_websocket") as ada,
        guest(str(ada.http.base_url), ada.room) as eve,
        ada.socket() as reading,
        eve.socket(sock=narrow_socket(str(ada.http.base_url)), max_queue=1) as stalled,
    ):
        for n in range(count):
            command(reading, "send", n + 1, client_id=str(n), text=text)
        for reader in (reading, stalled):
            received = 0
            while received < count:
                received += sum(event["kind"] == "message" for event in receive(reader).get("events", ()))


def test_a_server_whose_parent_closes_its_input_says_come_back_soon_and_ends() -> None:
    with started(["servers", "raw_websocket", "--port", "0"]) as running:
        with guest(running.address) as ada, ada.socket() as opened:
            running.close_input()
            assert closing(opened)[0] == 1012  # Service Restart, in the registry of RFC 6455 section 11.7
        assert running.process.wait(DEADLINE_S) == 0
