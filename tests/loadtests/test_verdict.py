"""What makes a cell void or suspect: the generator, the machine, users who began cold."""

from math import nan

import pytest

from loadtests.accounts.verdict import WORK, Health, Status, cold_users, first_sends, judge, slow_cells
from loadtests.scenarios import Key
from tests.support.loadtest_rows import BOTH, made, received, samples, sent


@pytest.mark.parametrize(
    ("health", "status", "stalls"),
    [
        (Health(0.005, 0.5), Status.VALID, False),
        (Health(0.0, 0.6), Status.SUSPECT, False),
        (Health(nan, 0.0), Status.VOID, False),
        (Health(0.0051, 0.0), Status.SUSPECT, False),
        (Health(0.020, 0.0), Status.SUSPECT, False),
        (Health(0.0201, 0.0), Status.VOID, False),
        (Health(0.0, 5.1), Status.VOID, False),
        (Health(0.0, 3.0), Status.VALID, True),  # senders waited for a restart
        (Health(0.0, 5.1), Status.VOID, True),
    ],
)
def test_a_generator_that_falls_behind_is_suspect_then_void(health: Health, status: Status, stalls: bool) -> None:
    verdict = judge([""], [], health, mean_gap_s=5.0, stalls=stalls)
    assert (verdict.status, verdict.adds_up, bool(verdict.reason)) == (status, True, status is not Status.VALID)


def test_a_doubt_makes_a_run_suspect_and_is_named_beside_other_reasons() -> None:
    assert judge([""], ["bytes differ"], Health(0.0, 0.0), mean_gap_s=5.0) == (Status.SUSPECT, "bytes differ", True)
    both = judge([""], ["bytes differ"], Health(0.006, 0.0), mean_gap_s=5.0)
    assert both.reason.startswith("bytes differ; the load generator lagged")
    lost = judge(["1 lost"], ["bytes differ"], Health(0.0, 0.0), mean_gap_s=5.0)
    assert lost == (Status.VOID, "1 lost; bytes differ", False)


FIRST_SEND = sent(1, at_s=100.0)._replace(acked_s=100.4)


def test_first_sends_are_timed_apart_from_those_of_the_window() -> None:
    noted = samples([FIRST_SEND, sent(2)], [*BOTH, received(2, 0), received(2, 1)])
    assert first_sends(noted) == {
        "first_sends": 1,
        "first_ack_p50_s": pytest.approx(0.4),
        "ack_p50_s": pytest.approx(0.001),
    }
    assert made(noted).figures["messages"] == 1


def test_a_user_is_cold_who_has_not_sent_and_received_before_the_window() -> None:
    complaint = "2 of 2 users had not sent and received before the window"
    assert cold_users(samples([FIRST_SEND], BOTH)) == [complaint], "Bob never sent, and Ann received too late"
    in_time = [delivery._replace(received_s=100.5) for delivery in BOTH]
    assert cold_users(samples([FIRST_SEND, FIRST_SEND._replace(sender=1, seq=2)], in_time)) == []


def test_a_cell_is_slow_whose_work_took_a_fifth_longer_than_in_the_rest_of_its_scenario() -> None:
    unhindered = {"stolen_s": nan, "measured_s": 30.0}
    cells = {Key("talk", "", "slug", repeat): dict.fromkeys(WORK, 0.005) | unhindered for repeat in range(5)}
    slow = Key("talk", "", "slug", 3)
    cells[slow] |= {"generator_work_before_s": 0.007, "generator_work_after_s": 0.0055}
    cells[slow._replace(repeat=2)] |= {"generator_work_before_s": 0.007, "generator_work_after_s": 0.0049}  # 19 %
    other = {key._replace(scenario="idle"): dict.fromkeys(WORK, 0.010) | unhindered for key in cells}  # all alike
    assert slow_cells(cells | other) == {slow: "the machine was 25% slower than for the other cells of the scenario"}
    assert slow_cells({key: cells[key] for key in list(cells)[3:]}) == {}, "two have no usual time"


@pytest.mark.parametrize(("stolen_s", "slow"), [(nan, 0), (0.3, 0), (0.31, 1)])
def test_a_cell_is_slow_if_the_host_took_more_than_a_hundredth_of_its_window(stolen_s: float, slow: int) -> None:
    figures = {**dict.fromkeys(WORK, 0.005), "stolen_s": stolen_s, "measured_s": 30.0}
    reason = "the machine was slowed by its host: 1.0% of the window was stolen time"
    assert list(slow_cells({Key("talk", "", "slug", 0): figures}).values()) == [reason] * slow
