"""A load user of the Pusher adapter reads what is pushed while its heartbeat waits for a response.

Locust patches the sockets of the process that imports it, so the user runs in a process of its own.
"""

import json
import subprocess
import sys

import pytest

from tests.support.deadline import DEADLINE_S

SCRIPT = """
import json
from types import SimpleNamespace
from gevent.event import AsyncResult
from loadtests.pusher_adapter import PusherAdapterUser
from loadtests.users.http_connection import ConnectionLost
from servers.core.wire import Cursor, Page, encode

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


@pytest.mark.process
def test_no_page_waits_for_the_response_to_a_heartbeat() -> None:
    """One that says that the user lags behind, and one that never comes."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        ["page, response outstanding", then] for then in ("missing events", "lost: no response")
    ]
