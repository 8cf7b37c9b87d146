"""The inbox in the browser is the inbox in Python: fed the same pages, in any order, they tell the same events."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.inbox import Inbox
from servers.core.wire import Cursor, Event, Kind, Page

pytestmark = pytest.mark.process

SCRIPT = Path(__file__).parent / "twins" / "inbox.mjs"
Asking = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def browsers_inbox() -> Iterator[Asking]:
    command = ["node", str(SCRIPT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdin
        assert node.stdout
        said, heard = node.stdin, node.stdout

        def ask(question: dict[str, Any]) -> dict[str, Any]:
            said.write(json.dumps(question) + "\n")
            said.flush()
            answer: dict[str, Any] = json.loads(heard.readline())
            return answer

        yield ask
        node.stdin.close()


def event(seq: int) -> Event:
    return Event("room", seq, Kind.MESSAGE, "ada", "Ada", "hi", 0)


@st.composite
def page(draw: st.DrawFn) -> Page:
    """A page of a log, which may lack events at its beginning or end, as pages of other rooms' sieves may."""
    after = draw(st.integers(0, 12))
    seqs = range(after + 1, after + 1 + draw(st.integers(0, 4)))
    epoch = draw(st.sampled_from(["first", "first", "first", "second"]))
    return Page(epoch, after, max([after, *seqs]), tuple(map(event, seqs)))


@settings(max_examples=200, deadline=None)
@given(start=st.integers(0, 5), pages=st.lists(page(), max_size=8))
def test_both_inboxes_tell_the_same_events_in_the_same_order(
    browsers_inbox: Asking, start: int, pages: list[Page]
) -> None:
    inbox = Inbox(Cursor("first", start))
    told = [[event.seq for event in inbox.feed(page)] for page in pages]
    question = {"cursor": {"epoch": "first", "seq": start}, "pages": msgspec.to_builtins(pages)}
    assert browsers_inbox(question) == {
        "out": told,
        "cursor": {"epoch": inbox.cursor.epoch, "seq": inbox.cursor.seq},
        "behind": inbox.behind,
        "lostLog": inbox.lost_log,
    }
