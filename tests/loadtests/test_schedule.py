"""The schedule of a load: Poisson arrivals, intervals that do not overlap, and the same moments for the same seed."""

from itertools import pairwise
from statistics import fmean, pstdev

import pytest

from loadtests.plan.schedule import bunched, intervals_s, phase, poisson_s, schedule
from loadtests.plan.workload import Workload
from servers.core.wire import Kind

BUSY = Workload(rate_per_s=1.0, typing_per_s=0.5, receipts_per_s=0.5, comings_per_s=0.2, measured_s=300.0)


@pytest.mark.parametrize(("stream", "seed", "user"), [("typing", 7, 3), ("messages", 8, 3), ("messages", 7, 4)])
def test_the_schedule_is_a_function_of_stream_seed_and_user(stream: str, seed: int, user: int) -> None:
    moments = list(poisson_s("messages", 7, 3, 0.5, 60.0))
    assert moments == list(poisson_s("messages", 7, 3, 0.5, 60.0))
    assert moments != list(poisson_s(stream, seed, user, 0.5, 60.0))


def test_the_moments_are_a_poisson_process_of_the_rate() -> None:
    moments = list(poisson_s("messages", 1, 0, 5.0, 2000.0))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert len(moments) == pytest.approx(10_000, abs=500)  # five standard deviations
    assert pstdev(gaps) == pytest.approx(fmean(gaps), rel=0.05)  # equal gaps have 0, uniform ones 0.58 of the mean
    assert moments[0] >= 0
    assert moments[-1] < 2000.0


def test_a_rate_of_zero_has_no_moments() -> None:
    assert list(poisson_s("messages", 7, 3, 0.0, 60.0)) == []


def test_bunched_messages_are_moved_together_and_none_is_added_or_dropped() -> None:
    assert list(bunched([0.3, 4.9, 5.1, 9.0], 5.0)) == [0.0, 0.0, 5.0, 5.0]
    assert list(bunched([0.3, 4.9], 0.0)) == [0.3, 4.9]


def test_intervals_never_overlap_and_lie_within_the_window() -> None:
    intervals = list(intervals_s("typing", 1, 0, 1.0, (2.0, 300.0), (1.0, 3.0)))
    assert len(intervals) > 50
    assert all(1.0 <= ended - began <= 3.0 for began, ended in intervals)
    assert all(ended < began for (_, ended), (began, _) in pairwise(intervals))
    assert intervals[0][0] > 2.0
    assert intervals[-1][1] < 300.0


@pytest.mark.parametrize("user", range(10))
def test_users_leave_and_type_in_the_window_only_and_end_both_and_the_absent_do_nothing(user: int) -> None:
    actions = schedule(BUSY, user)
    assert {action.kind for action in actions} == set(Kind)
    assert actions == sorted(actions)
    is_present, is_typing = True, False
    for action in actions:
        if action.kind in (Kind.PRESENCE, Kind.TYPING):
            assert BUSY.warm_up_s < action.moment_s < BUSY.load_s
        if action.kind is Kind.PRESENCE:
            assert (is_present, is_typing) == (action.body == "offline", False)
            is_present = not is_present
        else:
            assert is_present
        if action.kind is Kind.TYPING:
            assert is_typing == (action.body == "stopped")
            is_typing = not is_typing
    assert (is_present, is_typing) == (True, False)


def test_adding_a_kind_leaves_the_moments_of_the_others_unchanged() -> None:
    with_receipts = schedule(Workload(rate_per_s=1.0, receipts_per_s=1.0, measured_s=300.0), 0)
    messages = [action for action in with_receipts if action.kind is Kind.MESSAGE]
    assert len(messages) < len(with_receipts)
    assert messages == schedule(Workload(rate_per_s=1.0, measured_s=300.0), 0)


def test_poll_phases_spread_over_the_whole_interval() -> None:
    phases = sorted(phase(1, user) for user in range(1000))
    assert max(abs(at - rank / 1000) for rank, at in enumerate(phases)) < 0.06  # Kolmogorov-Smirnov at 0.1 %
