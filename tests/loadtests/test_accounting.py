"""Accounts and truth: what was due to whom, and what still was true when they saw it. Nothing here imports locust."""

from math import inf

import pytest

from loadtests.accounts.accounting import account
from loadtests.accounts.deliveries import resolved, true_until_ms
from loadtests.accounts.rows import KINDS, LogEntry, Received, Sent, Session
from servers.core.wire import Kind
from tests.support.loadtest_rows import BOTH, BOTH_STAY, made, noted, received, seen

TWO = [(0, 1), (0, 2)]
PRESENCE, TYPING = KINDS.index(Kind.PRESENCE), KINDS.index(Kind.TYPING)


@pytest.mark.parametrize(
    ("deliveries", "complaint"),
    [
        ([*BOTH, received(2, 0), received(2, 1)], ""),
        (BOTH[:1], "of 4 deliveries: 3 lost"),
        ([*BOTH, received(2, 0), received(3, 1)], "of 4 deliveries: 1 lost"),
        ([*BOTH, *BOTH, received(2, 0), received(2, 1)], "of 4 deliveries: 2 delivered twice"),
        ([received(2, 0), received(2, 1), *BOTH], "of 4 deliveries: 2 out of order"),
        ([received(2, 1), *BOTH[1:] * 2], "of 4 deliveries: 2 lost, 1 delivered twice, 1 out of order"),
    ],
)
def test_loss_duplicates_and_disorder_are_each_counted(deliveries: list[Received], complaint: str) -> None:
    result = account(TWO, deliveries, BOTH_STAY)
    assert (result.complaint, result.events, result.expected) == (complaint, 2, 4)


def test_who_went_owes_nothing_for_what_came_later_nor_who_came_for_what_was_before() -> None:
    sessions = [Session(0, 0, 0, start=0), Session(0, 1, 0, start=0, end=1), Session(0, 1, 1, start=3)]
    log = [(0, seq) for seq in (1, 2, 3, 4)]
    came = [received(seq, 0) for seq in (1, 2, 3, 4)] + [received(1, 1), received(4, 1)._replace(session=1)]
    assert account(log, came, sessions).complaint == ""
    assert account(log, came, sessions).expected == 6


def test_a_loss_within_a_stay_counts_however_the_stay_ended() -> None:
    sessions = [Session(0, 1, 0, start=0, end=3)]
    assert account([(0, 1), (0, 2), (0, 3)], [received(1, 1), received(3, 1)], sessions).lost == 1


def test_the_same_event_in_two_stays_is_no_duplicate_but_was_not_due_in_the_second() -> None:
    sessions = [Session(0, 1, 0, start=0, end=1), Session(0, 1, 1, start=1)]
    result = account([(0, 1)], [received(1, 1), received(1, 1)._replace(session=1)], sessions)
    assert (result.expected, result.delivered, result.duplicates) == (1, 1, 0)


def presence(seq: int, sender: int, at_ms: int) -> LogEntry:
    return seen(seq, Kind.PRESENCE, sender, at_ms)


@pytest.mark.parametrize(
    ("log", "until_ms"),
    [
        ([seen(1), seen(2), seen(3, Kind.TYPING, expires_at_ms=110_000)], [inf, inf, 110_000]),
        ([seen(1, Kind.TYPING, at_ms=100, expires_at_ms=100)], [inf]),
        ([presence(1, 0, 100), presence(2, 1, 200), seen(3, Kind.RECEIPT), presence(4, 0, 400)], [400, inf, inf, inf]),
        ([seen(2, Kind.TYPING, at_ms=200), seen(1, Kind.TYPING, at_ms=100)], [200, inf]),
    ],
    ids=["until it expires", "the end of a notice", "until a newer one of its kind and sender", "in the log's order"],
)
def test_an_event_is_true_for_ever_or_until(log: list[LogEntry], until_ms: list[float]) -> None:
    assert true_until_ms(log) == {(0, seq): moment_ms for seq, moment_ms in enumerate(until_ms, 1)}


@pytest.mark.parametrize(("stopped_at_ms", "true"), [(105_400, 0), (105_600, 2)])
def test_a_notice_is_counted_as_still_true_unless_it_was_replaced_before_it_came(stopped_at_ms: int, true: int) -> None:
    actions = Sent(0, 1, 0, 0, 104.0, 104.0, 104.1), Sent(0, 2, 0, TYPING, 105.0, 105.0, 105.1)
    log = seen(1), seen(2, Kind.TYPING), seen(3, Kind.TYPING, at_ms=stopped_at_ms)
    found = made(noted(BOTH_STAY, *actions, *log, *(received(seq, user) for seq in (1, 2, 3) for user in (0, 1))))
    typing = next(row for row in found.kinds if row.kind == Kind.TYPING)
    assert (typing.actions, typing.events, typing.expected, typing.delivered, typing.still_true) == (1, 1, 2, 2, true)
    assert found.figures["delivered"] == 2


def test_a_coming_is_traced_to_the_event_that_the_others_saw() -> None:
    stays = [Session(0, 0, 0, start=1), Session(0, 1, 0, start=1, end=2), Session(0, 1, 1, start=3)]
    actions = Sent(0, 2, 1, PRESENCE, 102.0, 102.0, 102.1), Sent(0, -3, 1, PRESENCE, 104.0, 104.0, 104.1)
    came = received(2, 0), received(3, 0), received(2, 1)
    rows = made(noted(stays, *actions, presence(2, 1, 2), presence(3, 1, 3), *came)).kinds
    coming = next(row for row in rows if row.kind == Kind.PRESENCE)
    assert (coming.actions, coming.events, coming.expected, coming.delivered) == (2, 2, 3, 3)


def test_what_was_in_the_log_but_unread_when_somebody_left_is_counted_as_missed() -> None:
    stays = [Session(0, 0, 0, start=0), Session(0, 1, 0, start=0, end=1), Session(0, 1, 1, start=3)]
    messages = Sent(0, 1, 0, 0, 102.0, 102.0, 102.1), Sent(0, 2, 0, 0, 103.0, 103.0, 103.1)
    coming = Sent(0, 3, 1, PRESENCE, 103.1, 103.1, 103.2), presence(3, 1, 105_000)
    came = received(1, 0), received(2, 0), received(3, 0), received(1, 1)
    result = made(noted(stays, *messages, seen(1), seen(2), *coming, *came))
    assert result.verdict.adds_up
    assert [result.figures[name] for name in ("expected", "delivered", "missed_by_leaving")] == [3, 3, 1]


def test_who_hangs_up_without_a_word_is_traced_to_the_event_that_the_others_saw() -> None:
    actions = [Sent(0, seq, 1, PRESENCE, 102.0, 102.0, 102.1) for seq in (-5, -9, -9)]
    # The user's first coming, before the load; then going; then coming back.
    log = [presence(seq, 1, 105_000) for seq in (2, 7, 8)]
    assert [row.seq for row in resolved(noted([], *actions, *log))] == [7, 8, 0]
