"""Which deliveries were due, lost, doubled or out of order, and which were still true."""

from math import inf

import pytest

from loadtests.accounts.accounting import DuplicateDetector, account
from loadtests.accounts.deliveries import resolved, true_until_ms
from loadtests.accounts.rows import KINDS, LogEntry, Received, Sent, Session
from servers.core.wire import Kind
from tests.support.loadtest_rows import BOTH, BOTH_STAY, made, noted, received, seen, sent

PRESENCE, TYPING = KINDS.index(Kind.PRESENCE), KINDS.index(Kind.TYPING)


def presence(seq: int, sender: int, at_ms: int) -> LogEntry:
    return seen(seq, Kind.PRESENCE, sender, at_ms)


def presence_action(seq: int, at_s: float = 105.0) -> Sent:
    """Return a join or leave of user 1. A negative seq is minus the last one that they knew, as in `Sent`."""
    return sent(seq, at_s)._replace(sender=1, kind=PRESENCE)


def test_duplicates_and_disorder_on_one_connection_are_counted() -> None:
    detector = DuplicateDetector()
    assert detector.add([1, 2, 4]) == (0, 0)
    assert detector.add([4, 3, 5]) == (1, 1)


@pytest.mark.parametrize(
    ("came", "complaint"),
    [
        ([*BOTH, received(2, 0), received(2, 1)], ""),
        (BOTH[:1], "of 4 deliveries: 3 lost"),
        ([*BOTH, received(2, 0), *[received(3, 1)] * 2], "of 4 deliveries: 1 lost"),
        ([*BOTH, *BOTH, received(2, 0), received(2, 1)], "of 4 deliveries: 2 delivered twice"),
        ([received(2, 0), received(2, 1), *BOTH], "of 4 deliveries: 2 out of order"),
        ([received(2, 1), *BOTH[1:] * 2], "of 4 deliveries: 2 lost, 1 delivered twice, 1 out of order"),
    ],
)
def test_loss_duplicates_and_disorder_are_each_counted(came: list[Received], complaint: str) -> None:
    result = account([(0, 1), (0, 2)], came, BOTH_STAY)
    assert (result.complaint, result.events, result.expected) == (complaint, 2, 4)


def test_only_events_between_a_users_join_and_leave_are_due_to_them() -> None:
    sessions = [Session(0, 0, 0, start=0), Session(0, 1, 0, start=0, end=1), Session(0, 1, 1, start=3)]
    log = [(0, seq) for seq in (1, 2, 3, 4)]
    came = [received(seq, 0) for seq in (1, 2, 3, 4)] + [received(1, 1), received(4, 1)._replace(session=1)]
    assert account(log, came, sessions).complaint == ""
    assert account(log, came, sessions).expected == 6
    came.remove(received(1, 1))
    assert account(log, came, sessions).lost == 1, "also in a stay that has ended"


def test_an_event_of_an_earlier_stay_is_neither_due_nor_a_duplicate_in_a_later_one() -> None:
    sessions = [Session(0, 1, 0, start=0, end=1), Session(0, 1, 1, start=1)]
    result = account([(0, 1)], [received(1, 1), received(1, 1)._replace(session=1)], sessions)
    assert (result.expected, result.delivered, result.duplicates) == (1, 1, 0)


@pytest.mark.parametrize(
    ("log", "until_ms"),
    [
        ([seen(1), seen(2), seen(3, Kind.TYPING, expires_at_ms=110_000)], [inf, inf, 110_000]),
        ([seen(1, Kind.TYPING, at_ms=100, expires_at_ms=100)], [inf]),
        ([presence(1, 0, 100), presence(2, 1, 200), seen(3, Kind.RECEIPT), presence(4, 0, 400)], [400, inf, inf, inf]),
        ([seen(2, Kind.TYPING, at_ms=200), seen(1, Kind.TYPING, at_ms=100, expires_at_ms=900)], [200, inf]),
        ([seen(1, Kind.TYPING, at_ms=100, expires_at_ms=150), seen(2, Kind.TYPING, at_ms=200)], [150, inf]),
    ],
    ids=["expiry", "end of notice", "a newer one of its kind and sender", "order of the log", "expiry before a newer"],
)
def test_an_event_is_true_until_it_expires_or_is_replaced(log: list[LogEntry], until_ms: list[float]) -> None:
    assert true_until_ms(log) == {(0, seq): moment_ms for seq, moment_ms in enumerate(until_ms, 1)}


@pytest.mark.parametrize(("stopped_at_ms", "true"), [(105_400, 0), (105_600, 2)])
def test_a_notice_that_was_replaced_before_it_came_is_not_still_true(stopped_at_ms: int, true: int) -> None:
    actions = sent(1, 104.0), sent(2)._replace(kind=TYPING)
    log = seen(1), seen(2, Kind.TYPING), seen(3, Kind.TYPING, at_ms=stopped_at_ms)
    found = made(noted(BOTH_STAY, *actions, *log, *(received(seq, user) for seq in (1, 2, 3) for user in (0, 1))))
    typing = next(row for row in found.kinds if row.kind == Kind.TYPING)
    assert (typing.actions, typing.events, typing.expected, typing.delivered, typing.still_true) == (1, 1, 2, 2, true)
    assert found.figures["delivered"] == 2


def test_a_return_is_matched_with_the_presence_event_that_the_others_saw() -> None:
    stays = [Session(0, 0, 0, start=1), Session(0, 1, 0, start=1, end=2), Session(0, 1, 1, start=3)]
    actions = presence_action(2, 102.0), presence_action(-3, 104.0)
    came = received(2, 0), received(3, 0), received(2, 1)
    rows = made(noted(stays, *actions, presence(2, 1, 2), presence(3, 1, 3), *came)).kinds
    coming = next(row for row in rows if row.kind == Kind.PRESENCE)
    assert (coming.actions, coming.events, coming.expected, coming.delivered) == (2, 2, 3, 3)


def test_events_that_a_user_had_not_read_when_leaving_are_counted_as_missed() -> None:
    stays = [Session(0, 0, 0, start=0), Session(0, 1, 0, start=0, end=1), Session(0, 1, 1, start=4, end=4)]
    messages = [row for seq in (1, 2, 5) for row in (sent(seq), seen(seq))]
    leave_join_leave = map(presence_action, (3, -4, 6))
    log = [presence(seq, 1, 105_000) for seq in (3, 4, 6)]
    came = [received(1, 1), *(received(seq, 0) for seq in range(1, 7))]
    result = made(noted(stays, *messages, *leave_join_leave, *log, *came))
    assert result.verdict.adds_up
    assert [result.figures[name] for name in ("expected", "delivered", "missed_by_leaving")] == [4, 4, 2]
    assert [row.missed_by_leaving for row in result.kinds] == [2, 0], "messages, presence"


def test_joins_and_leaves_get_the_seq_of_the_presence_event_that_the_others_saw() -> None:
    """A leave gets the first event after its user's cursor, a join the last one up to the head of its snapshot."""
    log = [presence(seq, 1, 105_000) for seq in (2, 7, 8, 9, 12, 15)]
    expected = {
        "a leave": (-5, 7),
        "a join": (-10, 9),
        "the leave after it": (-10, 12),
        "a join that nobody saw": (-12, 0),
        "a leave that nobody saw": (-12, 0),
        "another join that nobody saw": (-12, 0),
        "a leave whose seq is known": (15, 15),
    }
    actions = [presence_action(seq) for seq, _ in expected.values()]
    assert [row.seq for row in resolved(noted([], *actions, *log))] == [seq for _, seq in expected.values()]
