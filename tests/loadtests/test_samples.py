"""What the load users noted down: encoded, merged over processes, and counted by moment."""

import pytest

from loadtests.accounts.cell import make_cell
from loadtests.accounts.rows import Request, Session, Window
from loadtests.accounts.samples import Samples, merged
from loadtests.accounts.wire_bytes import WireBytes
from tests.support.loadtest_rows import BOTH, PLANNED, SPENT, counted, made, noted, received, samples, seen, sent


def test_samples_survive_their_encoding() -> None:
    written = samples([sent(1), sent(2)], BOTH, late_s=0.004)
    written.troubles.append("user 0: \N{SNOWMAN}")
    written.client_bytes = counted(up=100, down=700)
    read = Samples.decoded(written.encoded())
    assert read == written
    assert [*read.sent, *read.logged, *read.received] == [sent(1), sent(2), seen(1), *BOTH]
    assert read.lateness_s == pytest.approx([0.004] * 100)


def test_the_peak_counts_the_requests_that_begin_within_a_tenth_of_a_second_of_the_window() -> None:
    busy = samples([sent(1)], BOTH)
    busy.begun_s = [*[busy.window.start_s - 0.01] * 9, 101.01, 101.02, 101.09, 101.11]
    assert Samples.decoded(busy.encoded()).most_begun(0.1) == 3
    assert made(busy).figures["peak_requests"] == 3


def part(user: int, user_id: str) -> Samples:
    """Return what a process with one user noted down; Ann, user 0, has sent a message, which everybody has seen."""
    message = seen(1, sender=0 if user == 0 else -1)
    own = noted([Session(0, user, 0, 0)], message, received(1, user))
    own.lateness_s = [0.001 * user]
    own.user_ids = {user: user_id}
    own.wall_clock_s = 1000.0
    own.offline, own.disconnected = [(0, user)], {user: 104.0}
    own.requests.append(Request(user, "join", 102.0, 103.0, True))
    own.client_bytes = counted(up=100, down=700)
    if user == 0:
        own.sent.append(sent(1))
    else:
        own.strangers.append((0, 1, "ann"))
    return own


def test_the_parts_of_several_processes_are_one_whole() -> None:
    whole = merged([part(1, "bob"), part(0, "ann")])
    assert (whole.window, whole.wall_clock_s) == (Window(101.0, 111.0), 1000.0)
    assert (whole.user_ids, whole.disconnected) == ({0: "ann", 1: "bob"}, {0: 104.0, 1: 104.0})
    assert [request.user for request in whole.requests] == [seq for _, seq in whole.offline] == [1, 0]
    assert [row.sender for row in whole.logged] == [0], "once, by whoever knew it, or by the sender's id"
    assert [row.recipient for row in whole.received] == [1, 0]
    assert whole.lateness_s == pytest.approx([0.001, 0.0])
    assert whole.client_bytes is not None and whole.client_bytes.window == WireBytes(200, 1400)
    assert make_cell(PLANNED, whole, SPENT, "").figures["lost"] == 0


def test_bytes_are_unknown_if_one_process_cannot_count_them() -> None:
    silent = part(1, "bob")
    silent.client_bytes = None
    assert merged([part(0, "ann"), silent]).client_bytes is None


def test_a_merge_needs_at_least_one_process() -> None:
    with pytest.raises(ValueError, match="at least one process"):
        merged([])
