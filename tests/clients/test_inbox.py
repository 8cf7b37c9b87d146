"""The inbox returns events in order, each once, or reports a gap; the room view computes from them who is there."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from clients.inbox import EARLY_MAX, Inbox
from clients.room_view import MEMBERS_MAX, RoomView
from servers.core.wire import Cursor, Event, Kind, Member, Page, Snapshot

LOG_END = 12


def page(after: int, upto: int, epoch: str = "e1") -> Page:
    """Return the page that a server answers from a log in which every sequence number is a message."""
    events = tuple(Event("lobby", seq, Kind.MESSAGE, "u1", "Ada", str(seq), seq) for seq in range(after + 1, upto + 1))
    return Page(epoch, after, upto, events)


def feed(inbox: Inbox, *pages: Page) -> list[int]:
    return [event.seq for page in pages for event in inbox.feed(page)]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(Cursor("e1", 0))


def test_an_empty_page_moves_the_cursor_and_one_that_comes_again_is_counted_as_redundant(inbox: Inbox) -> None:
    assert feed(inbox, page(0, 2), page(1, 3), Page("e1", 3, 7, ())) == [1, 2, 3]
    assert (inbox.cursor, inbox.behind, inbox.redundant_frames) == (Cursor("e1", 7), False, 0)
    assert feed(inbox, page(1, 3)) == []
    assert inbox.redundant_frames == 1


def test_too_many_early_pages_are_dropped_and_read_again(inbox: Inbox) -> None:
    last = EARLY_MAX + 10
    feed(inbox, *(page(seq - 1, seq) for seq in range(2, last + 1)))
    assert feed(inbox, page(0, 1))[-1] == EARLY_MAX + 1
    assert inbox.behind
    assert feed(inbox, page(inbox.cursor.seq, last))[-1] == last
    assert not inbox.behind


@given(st.lists(st.tuples(st.integers(0, LOG_END), st.integers(0, LOG_END)).filter(lambda ends: ends[0] <= ends[1])))
@example([(1, 1), (0, 1)])  # a hint: what a push service carries in place of an event that is too long for it
@example([(1, 2), (1, 1), (0, 1)])  # a hint does not replace an early page that reaches further
def test_any_pages_in_any_order_give_each_event_once_in_order_or_report_a_gap(slices: list[tuple[int, int]]) -> None:
    inbox = Inbox(Cursor("e1", 0))
    seqs = feed(inbox, *(page(*ends) for ends in slices))
    assert seqs == list(range(1, inbox.cursor.seq + 1))
    known_end = max((upto for _, upto in slices), default=0)
    assert inbox.behind is (known_end > inbox.cursor.seq)
    seqs += feed(inbox, page(inbox.cursor.seq, LOG_END))
    assert seqs == list(range(1, LOG_END + 1))
    assert not inbox.behind


ADA, BOB, CYD = "u-ada", "u-bob", "u-cyd"
NAMES = {ADA: "Ada", BOB: "Bob", CYD: "cyd"}


def event(kind: Kind, sender: str, body: str, at_ms: int = 1000, expires_at_ms: int | None = None) -> Event:
    return Event("lobby", 1, kind, sender, NAMES[sender], body, at_ms, expires_at_ms=expires_at_ms)


@pytest.fixture
def view() -> RoomView:
    members = (Member(BOB, "Bob", True, 900), Member(ADA, "Ada", True, 900))
    return RoomView(Snapshot("e1", 7, 30.0, members, {ADA: 5}, ()))


def test_members_online_come_first_and_then_names_in_order(view: RoomView) -> None:
    view.apply([event(Kind.PRESENCE, CYD, "online"), event(Kind.PRESENCE, ADA, "offline", at_ms=4000)], now_s=0.0)
    assert [(member.name, member.online) for member in view.members()] == [("Bob", True), ("cyd", True), ("Ada", False)]
    assert view.members()[-1] == Member(ADA, "Ada", False, 4000)


def test_the_members_who_went_offline_first_are_forgotten_when_there_are_too_many(view: RoomView) -> None:
    visit = ((Kind.PRESENCE, "online"), (Kind.RECEIPT, "9"), (Kind.PRESENCE, "offline"))
    for n in range(2 * MEMBERS_MAX):
        view.apply([replace(event(kind, ADA, body), sender=str(n)) for kind, body in visit], now_s=0.0)
    known = {ADA, BOB, *map(str, range(MEMBERS_MAX + 2, 2 * MEMBERS_MAX))}
    assert {member.user for member in view.members()} == known
    assert view.receipts.keys() == known - {BOB}


@pytest.mark.parametrize("server_ms", [1_000_000_000, 1_003_600_000, 996_400_000])
@pytest.mark.parametrize("reader_s", [0.0, 1e6, 1e9])
@pytest.mark.parametrize(
    ("then", "after_s", "names"),
    [
        ([], 0.49, ["Ada"]),
        ([], 0.5, []),
        ([(Kind.TYPING, ADA, "stopped")], 0.0, []),
        ([(Kind.PRESENCE, ADA, "offline")], 0.0, []),
        ([(Kind.TYPING, BOB, "started"), (Kind.MESSAGE, ADA, "hi")], 0.0, ["Bob"]),
    ],
    ids=["not expired", "expired", "stopped", "left", "sent"],
)
def test_a_typing_notice_lasts_from_its_arrival_until_it_expires_or_another_event_ends_it(
    view: RoomView, then: list[tuple[Kind, str, str]], after_s: float, names: list[str], server_ms: int, reader_s: float
) -> None:
    all_events = [event(*given, server_ms, server_ms + 500) for given in [(Kind.TYPING, ADA, "started"), *then]]
    view.apply(all_events, now_s=reader_s)
    assert view.typing(reader_s + after_s) == names


def test_a_renewed_typing_notice_lasts_from_its_latest_arrival(view: RoomView) -> None:
    for now_s in (0.0, 0.4):
        view.apply([event(Kind.TYPING, ADA, "started", 1000, 1500)], now_s)
    assert (view.typing(0.8), view.typing(0.9)) == (["Ada"], [])


def test_readers_are_the_known_members_whose_highest_receipt_reaches_the_message(view: RoomView) -> None:
    receipts = ((BOB, "6"), (BOB, "3"), (CYD, "7"))
    view.apply([event(Kind.RECEIPT, user, seq) for user, seq in receipts], now_s=0.0)
    assert (view.readers(5), view.readers(6), view.readers(7)) == (["Ada", "Bob"], ["Bob"], [])
