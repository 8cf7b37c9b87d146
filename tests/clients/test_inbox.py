"""The inbox: whatever order pages come in, events come out in order, each once, or the inbox says that it is behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.inbox import EARLY_MAX, Inbox
from servers.core.wire import Cursor, Event, Kind, Page

LOG_END = 12
Slice = tuple[int, int]


def page(after: int, upto: int, epoch: str = "e1") -> Page:
    """Return the page that a server answers from a log in which every sequence number is a message."""
    events = tuple(Event("lobby", seq, Kind.MESSAGE, "u1", "Ada", str(seq), seq) for seq in range(after + 1, upto + 1))
    return Page(epoch, after, upto, events)


def hint(at: int) -> Page:
    """Return what a push service carries in place of an event that is too long for it."""
    return Page("e1", at, at, ())


def fed(inbox: Inbox, *pages: Page) -> list[int]:
    return [event.seq for page in pages for event in inbox.feed(page)]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(Cursor("e1", 0))


def test_pages_in_order_come_out_as_they_are(inbox: Inbox) -> None:
    assert fed(inbox, page(0, 2), page(2, 3)) == [1, 2, 3]
    assert inbox.cursor == Cursor("e1", 3)


def test_a_page_twice_is_told_once_and_counted(inbox: Inbox) -> None:
    assert fed(inbox, page(0, 2), page(0, 2)) == [1, 2]
    assert inbox.redundant_frames == 1


def test_overlapping_pages_tell_only_what_is_new(inbox: Inbox) -> None:
    assert fed(inbox, page(0, 3), page(1, 5)) == [1, 2, 3, 4, 5]
    assert inbox.redundant_frames == 0


def test_an_empty_page_is_not_redundant(inbox: Inbox) -> None:
    assert fed(inbox, page(0, 0)) == []
    assert (inbox.redundant_frames, inbox.behind) == (0, False)


def test_a_page_moves_the_cursor_over_what_it_leaves_out(inbox: Inbox) -> None:
    inbox.feed(Page("e1", 0, 7, ()))
    assert (inbox.cursor.seq, inbox.behind) == (7, False)


def test_an_early_page_waits_for_what_is_missing(inbox: Inbox) -> None:
    assert fed(inbox, page(2, 3)) == []
    assert inbox.behind
    assert fed(inbox, page(0, 2)) == [1, 2, 3]
    assert not inbox.behind


def test_early_pages_come_out_in_order_when_the_gap_closes(inbox: Inbox) -> None:
    assert fed(inbox, page(3, 4), page(2, 3), page(1, 2), page(0, 1)) == [1, 2, 3, 4]


def test_a_hint_without_events_says_behind_until_they_are_read(inbox: Inbox) -> None:
    assert fed(inbox, hint(1)) == []
    assert inbox.behind
    assert fed(inbox, page(0, 1)) == [1]
    assert not inbox.behind


def test_a_hint_does_not_displace_an_early_page(inbox: Inbox) -> None:
    assert fed(inbox, page(1, 2), hint(1), page(0, 1)) == [1, 2]


def test_too_many_early_pages_are_dropped_and_asked_for_again(inbox: Inbox) -> None:
    last = EARLY_MAX + 10
    fed(inbox, *(page(seq - 1, seq) for seq in range(2, last + 1)))
    assert fed(inbox, page(0, 1))[-1] == EARLY_MAX + 1
    assert inbox.behind
    assert fed(inbox, page(inbox.cursor.seq, last))[-1] == last
    assert not inbox.behind


def test_a_new_epoch_starts_over_and_says_that_the_log_was_lost(inbox: Inbox) -> None:
    fed(inbox, page(0, 5), page(7, 8))
    assert fed(inbox, page(0, 2, epoch="e2")) == [1, 2]
    assert inbox.lost_log
    assert (inbox.cursor, inbox.behind) == (Cursor("e2", 2), False)


@pytest.mark.parametrize(
    ("head", "lags"), [(Cursor("e1", 0), False), (Cursor("e1", 1), True), (Cursor("e2", 0), True)], ids=str
)
def test_an_inbox_lags_behind_a_head_that_it_has_not_reached(inbox: Inbox, head: Cursor, lags: bool) -> None:
    assert inbox.lags(head) is lags


@given(st.lists(st.tuples(st.integers(0, LOG_END), st.integers(0, LOG_END)).filter(lambda ends: ends[0] <= ends[1])))
def test_any_pages_in_any_order_give_each_event_once_in_order_or_say_behind(slices: list[Slice]) -> None:
    inbox = Inbox(Cursor("e1", 0))
    told = fed(inbox, *(page(*ends) for ends in slices))
    assert told == list(range(1, inbox.cursor.seq + 1))
    known_end = max((upto for _, upto in slices), default=0)
    assert inbox.behind is (known_end > inbox.cursor.seq)
    told += fed(inbox, page(inbox.cursor.seq, LOG_END))
    assert told == list(range(1, LOG_END + 1))
    assert not inbox.behind
