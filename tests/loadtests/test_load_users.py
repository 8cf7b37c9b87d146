"""Load users: what they do while a response is outstanding, and what their process reports when a test ends.

Locust patches the sockets of the process that imports it, so each runs in a process of its own.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.deadline import DEADLINE_S

pytestmark = pytest.mark.process

IMPORTS = """
import json
from contextlib import ExitStack
from itertools import cycle
from types import SimpleNamespace
from unittest.mock import Mock
from locust import User
from locust.dispatch import UsersDispatcher
from locust.runners import LocalRunner, WorkerNode
import gevent
from gevent.event import AsyncResult
from clients.inbox import Inbox
from loadtests import raw_websocket
from loadtests.plan.workload import Workload
from loadtests.pusher_adapter import PusherAdapterUser
from loadtests.server_sent_events import ServerSentEventsUser
from loadtests.users.generator_process import CHECK_S, GeneratorProcess
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.locust_hooks import rank_workers
from servers.core.wire import Ack, Cursor, Page, Refusal, encode
"""

HEARTBEATS = """
page = SimpleNamespace(event="page", data=encode(Page("e", 0, 1, ())).decode())

def receive(patience_s):
    if (frame := next(frames)) is page:
        seen.append("page, response " + ("ready" if response.ready() else "outstanding"))
        response.set(outcome)
    return frame

def heartbeat():
    found = response.get()
    if isinstance(found, Exception):
        raise found
    return SimpleNamespace(cursor=found)

for outcome in (Cursor("e", 2), ConnectionLost("no response")):
    seen = []
    response = AsyncResult()
    frames = iter([None, None, page, None, None])
    user = PusherAdapterUser.__new__(PusherAdapterUser)
    vars(user).update(must_read=False, silence_s=0.0, next_check_s=0.0, heartbeat_s=10.0)
    user.inbox = SimpleNamespace(behind=False, cursor=Cursor("e", 1), lags=lambda head: head.seq > 1)
    user.http = SimpleNamespace(heartbeat=heartbeat, read=lambda cursor: "missing events")
    user.subscription = SimpleNamespace(receive=receive)
    user.receive()
    user.heartbeat.join()
    try:
        seen.append(user.receive())
    except ConnectionLost as lost:
        seen.append(f"lost: {lost}")
    print(json.dumps(seen))
"""

UNFINISHED = """
runner = Mock(spec=LocalRunner)
process = GeneratorProcess(Mock(runner=runner), Workload(), 0.0, 1, 0)
process.recorder.joined(0, 0, "ann", Inbox(Cursor("e", 1)), 0)
process.catch_up([(0, 2)])
process.finish()
process.recorder.left(0)
gevent.sleep(2 * CHECK_S)
print(json.dumps([message.args[0] for message in runner.send_message.call_args_list]))
"""

SPREAD = """
workers = [WorkerNode("vm_b"), WorkerNode("vm_a")]
dispatcher = UsersDispatcher(workers, [User])
dispatcher.new_dispatch(5, 100)
*_, users = dispatcher
options = {}
rank_workers(SimpleNamespace(clients=SimpleNamespace(ready=workers, spawning=[], running=[])), options)
ranks = options["ranks"]
print(sorted(ranks[name] + 2 * index for name, counts in users.items() for index in range(counts["User"])))
"""

RECONNECTING = """
class Reopening(raw_websocket.ChatUser):
    abstract = True

    def open(self, after):
        number = next(numbers)
        seen.append(f"open {number}")
        self.opened.callback(seen.append, f"close {number}")
        if number == 1:
            raise ConnectionLost("busy", retry_after_s=7.0)

seen = []
numbers = iter(range(3))
gevent.sleep = lambda pause_s=0: seen.append(f"{pause_s} s")
user = Reopening.__new__(Reopening)
vars(user).update(process=Mock(), recorder=Mock(), workload=Mock(), inbox=Mock(), opened=ExitStack(), number=0)
user.reconnecting = SimpleNamespace(next_s=lambda: 1.0)
user._open_connection(None)
user._reconnect(ConnectionLost("busy", retry_after_s=3.0))
print(json.dumps(seen))
"""

LEAVING = """
early = [Ack(ref=3, seq=7), Page("e", 0, 1, ())]
refusal = Refusal("unavailable", "the store is away", retry_after_s=2.0)
for is_open, last in ((False, None), (True, Ack(seq=9)), (True, refusal), (True, None)):
    raw_websocket.ACKNOWLEDGED_S = 60.0 if last else 0.1
    user = raw_websocket.RawWebsocketUser.__new__(raw_websocket.RawWebsocketUser)
    vars(user).update(report=Mock(), opened=ExitStack(), http=SimpleNamespace(connection="c"))
    frames = iter([*early, last]) if last else cycle(early)
    user.socket = Mock(is_open=is_open, receive=lambda: gevent.sleep(0) or encode(next(frames)))
    try:
        print(user.leave().seq)
    except ConnectionLost as lost:
        print(json.dumps(f"{lost}, {lost.retry_after_s} s"))
"""

REFUSED = """
refusal = encode(Refusal("unavailable", "the store is away", ref=1, retry_after_s=2.0))
socket_user = raw_websocket.RawWebsocketUser.__new__(raw_websocket.RawWebsocketUser)
socket_user.socket = Mock(receive=Mock(side_effect=[refusal, ConnectionLost("end")]))
socket_user.pending = {1: AsyncResult()}
stream_user = ServerSentEventsUser.__new__(ServerSentEventsUser)
stream_user.lines = iter(["event: refusal", f"data: {refusal.decode()}", ""])
for user, result in (socket_user, socket_user.pending[1]), (stream_user, None):
    try:
        user.receive()
    except ConnectionLost as lost:
        print((result.exception if result else lost).retry_after_s)
"""


def printed(script: str) -> list[Any]:
    """Return the lines that a script prints, which are JSON; it prints no error."""
    command = [sys.executable, "-c", IMPORTS + script]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_no_page_waits_for_the_response_to_a_heartbeat() -> None:
    """One that says that the user lags behind, and one that never comes."""
    assert printed(HEARTBEATS) == [
        ["page, response outstanding", then] for then in ("missing events", "lost: no response")
    ]


def test_a_process_that_never_caught_up_says_so_neither_to_its_own_test_nor_to_the_next() -> None:
    assert printed(UNFINISHED) == [["finished", "samples"]]


def test_the_users_of_several_processes_have_numbers_without_gaps() -> None:
    assert printed(SPREAD) == [[0, 1, 2, 3, 4]]


def test_a_user_closes_a_connection_before_another_is_opened_and_waits_for_as_long_as_the_server_asks() -> None:
    assert printed(RECONNECTING) == [["open 0", "3.0 s", "close 0", "open 1", "7.0 s", "close 1", "open 2"]]


def test_leaving_a_socket_needs_nothing_if_it_is_closed_and_else_its_own_response_in_time() -> None:
    assert printed(LEAVING) == [0, 9, "the store is away, 2.0 s", "no acknowledgement within 10 s, 0.0 s"]


def test_a_refusal_on_a_socket_or_a_stream_says_for_how_long_to_wait() -> None:
    assert printed(REFUSED) == [2.0, 2.0]
