"""The inbox: in whatever order pages arrive, events come out in order, each once, or the inbox reports a gap."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clients.inbox import EARLY_MAX, Inbox
from servers.core.wire import Cursor, Event, Kind, Page

LOG_END = 12
Slice = tuple[int, int]


def page(after: int, upto: int, epoch: str = "e1") -> Page:
    """Return the page that a server answers from a log in which every sequence number is a message."""
    events = tuple(Event("lobby", seq, Kind.MESSAGE, "u1", "Ada", str(seq), seq) for seq in range(after + 1, upto + 1))
    return Page(epoch, after, upto, events)


def feed(inbox: Inbox, *pages: Page) -> list[int]:
    return [event.seq for page in pages for event in inbox.feed(page)]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(Cursor("e1", 0))


def test_a_page_that_comes_twice_is_counted_and_one_that_omits_events_is_read_to_its_end(inbox: Inbox) -> None:
    assert feed(inbox, page(0, 2), page(0, 2)) == [1, 2]
    assert inbox.redundant_frames == 1
    assert feed(inbox, page(1, 3), Page("e1", 3, 7, ())) == [3]
    assert (inbox.cursor, inbox.behind, inbox.redundant_frames) == (Cursor("e1", 7), False, 1)


def test_too_many_early_pages_are_dropped_and_read_again(inbox: Inbox) -> None:
    last = EARLY_MAX + 10
    feed(inbox, *(page(seq - 1, seq) for seq in range(2, last + 1)))
    assert feed(inbox, page(0, 1))[-1] == EARLY_MAX + 1
    assert inbox.behind
    assert feed(inbox, page(inbox.cursor.seq, last))[-1] == last
    assert not inbox.behind


def test_a_new_epoch_starts_over_and_reports_that_the_log_was_lost(inbox: Inbox) -> None:
    feed(inbox, page(0, 5), page(7, 8))
    assert feed(inbox, page(0, 2, epoch="e2")) == [1, 2]
    assert inbox.lost_log
    assert (inbox.cursor, inbox.behind) == (Cursor("e2", 2), False)


@pytest.mark.parametrize(
    ("head", "lags"), [(Cursor("e1", 0), False), (Cursor("e1", 1), True), (Cursor("e2", 0), True)], ids=str
)
def test_an_inbox_lags_behind_a_head_that_it_has_not_reached(inbox: Inbox, head: Cursor, lags: bool) -> None:
    assert inbox.lags(head) is lags


@given(st.lists(st.tuples(st.integers(0, LOG_END), st.integers(0, LOG_END)).filter(lambda ends: ends[0] <= ends[1])))
@example([(1, 1), (0, 1)])  # a hint: what a push service carries in place of an event that is too long for it
@example([(1, 2), (1, 1), (0, 1)])  # a hint does not replace an early page that reaches further
def test_any_pages_in_any_order_give_each_event_once_in_order_or_report_a_gap(slices: list[Slice]) -> None:
    inbox = Inbox(Cursor("e1", 0))
    seqs = feed(inbox, *(page(*ends) for ends in slices))
    assert seqs == list(range(1, inbox.cursor.seq + 1))
    known_end = max((upto for _, upto in slices), default=0)
    assert inbox.behind is (known_end > inbox.cursor.seq)
    seqs += feed(inbox, page(inbox.cursor.seq, LOG_END))
    assert seqs == list(range(1, LOG_END + 1))
    assert not inbox.behind
