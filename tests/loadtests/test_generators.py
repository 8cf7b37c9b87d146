"""Several generator processes: their samples as those of one, and clocks that are not shared."""

import pytest

from loadtests.accounts.cell import make_cell
from loadtests.accounts.deliveries import deliveries
from loadtests.accounts.rows import OPENING, LogEntry, Received, Request, Sent, Session, Tick, Window
from loadtests.accounts.samples import Samples, merged
from loadtests.accounts.wire_bytes import WireBytes
from loadtests.users.clocks import clock_ahead_s, this_machine
from tests.support.loadtest_rows import PLANNED, SPENT, counted

WINDOW = Window(101.0, 111.0)


def part(user: int, user_id: str, ahead_s: float = 0.0) -> Samples:
    """Return what a process with one user noted down; Ann, user 0, has sent a message, which everybody has seen."""
    noted = Samples(
        window=Window(*(moment_s + ahead_s for moment_s in WINDOW)),
        wall_clock_s=1000.0 - ahead_s,
        ahead_s=ahead_s,
        user_ids={user: user_id},
        sessions=[Session(0, user, 0, 0)],
        client_bytes=counted(up=100, down=700),
    )
    if user == 0:
        noted.add(Sent(0, 1, 0, 0, 105.0 + ahead_s, 105.0 + ahead_s, 105.1 + ahead_s))
    else:
        noted.strangers.append((0, 1, "ann"))
    noted.add(LogEntry(0, 1, 0, 0 if user == 0 else -1, 1_105_000, 0))
    noted.add(Received(0, 1, user, 0, 105.5 + ahead_s))
    noted.add(Tick(105.0 + ahead_s, 105.0 + ahead_s + 0.001 * user))
    return noted


def test_the_parts_of_several_processes_are_one_whole() -> None:
    whole = merged([part(1, "bob"), part(0, "ann")])
    assert whole.user_ids == {0: "ann", 1: "bob"}
    assert [row.sender for row in whole.log()] == [0], "once, by whoever knew it, or by the sender's id"
    assert [row.recipient for row in whole.deliveries()] == [1, 0]
    assert whole.lateness_s() == pytest.approx([0.001, 0.0])
    assert whole.client_bytes is not None and whole.client_bytes.window == WireBytes(200, 1400)
    assert make_cell(PLANNED, whole, SPENT, "").figures["lost"] == 0


def test_what_users_went_through_is_put_together_by_one_clock() -> None:
    here, away = part(0, "ann"), part(1, "bob", ahead_s=500.0)
    for user, noted in enumerate((here, away)):
        noted.offline.append((0, user))
        noted.requests.append(Request(user, OPENING, 102.0 + noted.ahead_s, 103.0 + noted.ahead_s, True))
    whole = merged([here, away])
    assert whole.window == merged([away]).window == WINDOW
    assert [row.received_s for row in whole.deliveries()] == pytest.approx([105.5, 105.5])
    assert whole.offline == [(0, 0), (0, 1)]
    assert whole.requests == [Request(0, OPENING, 102.0, 103.0, True), Request(1, OPENING, 102.0, 103.0, True)]


def test_a_process_that_cannot_count_leaves_the_whole_uncounted_and_nothing_cannot_be_merged() -> None:
    silent = part(1, "bob")
    silent.client_bytes = None
    assert merged([part(0, "ann"), silent]).client_bytes is None
    with pytest.raises(ValueError, match="at least one process"):
        merged([])


def test_a_delivery_between_machines_is_accounted_for_but_not_timed() -> None:
    here, away = part(0, "ann"), part(1, "bob", ahead_s=5000.0)
    here.machine_of, away.machine_of = {0: "one"}, {1: "other"}
    whole = merged([here, away])
    assert [row.recipient for row in deliveries(PLANNED.key, whole, list(whole.actions()))] == ["ann"]
    assert make_cell(PLANNED, whole, SPENT, "").figures["delivered"] == 2


def test_one_machine_has_one_clock() -> None:
    assert clock_ahead_s(this_machine(), sent_s=7.0, received_s=9.0) == 0.0
    assert clock_ahead_s("another", sent_s=7.0, received_s=1009.0) == 1002.0
