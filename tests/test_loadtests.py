"""The load tests' arithmetic: schedules, accounts, samples, verdicts, predictions. Nothing here imports locust."""

from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev

import pytest

from loadtests.accounting import account
from loadtests.cell import Delivery, make_cell
from loadtests.predictions import predict
from loadtests.samples import Received, Samples
from loadtests.schedule import bunched, intended_s, phase
from loadtests.verdict import Health, Word, judge
from loadtests.workload import Workload
from results.schema import CELLS, DELIVERIES
from tests.loadtest_rows import BOTH, PAIR, PLANNED, SPENT, cell, received, samples, sent


def test_a_seed_and_a_user_fix_the_schedule() -> None:
    assert list(intended_s(7, 3, 0.5, 60.0)) == list(intended_s(7, 3, 0.5, 60.0))


@pytest.mark.parametrize(("seed", "user"), [(8, 3), (7, 4)])
def test_another_seed_or_user_has_another_schedule(seed: int, user: int) -> None:
    assert list(intended_s(7, 3, 0.5, 60.0)) != list(intended_s(seed, user, 0.5, 60.0))


def test_the_schedule_is_poisson_at_its_rate() -> None:
    moments = list(intended_s(1, 0, 5.0, 2000.0))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert len(moments) == pytest.approx(10_000, abs=500)  # five standard deviations
    assert pstdev(gaps) == pytest.approx(fmean(gaps), rel=0.05)  # a beat would have none, uniform gaps 0.58
    assert 0 <= moments[0] < moments[-1] < 2000.0


def test_bunched_messages_fall_together_and_none_is_added_or_dropped() -> None:
    assert list(bunched([0.3, 4.9, 5.1, 9.0], 5.0)) == [0.0, 0.0, 5.0, 5.0]
    assert list(bunched([0.3, 4.9], 0.0)) == [0.3, 4.9]


def test_poll_phases_spread_over_the_whole_interval() -> None:
    phases = sorted(phase(1, user) for user in range(1000))
    assert max(abs(at - rank / 1000) for rank, at in enumerate(phases)) < 0.06  # Kolmogorov-Smirnov at 0.1 %


def test_a_workload_survives_the_command_line() -> None:
    words = PAIR.arguments()
    options = {flag[2:].replace("-", "_"): float(value) for flag, value in zip(words[::2], words[1::2], strict=True)}
    assert Workload.from_options(options) == PAIR


def test_an_exact_run_has_nothing_to_complain_of() -> None:
    result = account([sent(1), sent(2)], [*BOTH, received(2, 0), received(2, 1)], {0: range(2)})
    assert (result.messages, result.expected, result.delivered) == (2, 4, 4)
    assert result.complaint == ""


@pytest.mark.parametrize(
    ("deliveries", "complaint"),
    [
        (BOTH[:1], "of 4 deliveries: 3 lost"),
        ([*BOTH, *BOTH, received(2, 0), received(2, 1)], "of 4 deliveries: 2 delivered twice"),
        ([received(2, 0), received(2, 1), *BOTH], "of 4 deliveries: 2 out of order"),
        (
            [received(2, 1), *BOTH[1:] * 2],
            "of 4 deliveries: 2 lost, 1 delivered twice, 1 out of order",
        ),
    ],
)
def test_loss_duplicates_and_disorder_are_each_counted(deliveries: list[Received], complaint: str) -> None:
    assert account([sent(1), sent(2)], deliveries, {0: range(2)}).complaint == complaint


def test_a_delivery_that_nobody_acknowledged_is_no_substitute() -> None:
    result = account([sent(1)], [received(1, 0), received(2, 1)], {0: range(2)})
    assert (result.delivered, result.lost) == (1, 1)


def test_samples_survive_their_file(tmp_path: Path) -> None:
    noted = samples([sent(1), sent(2)], BOTH, late_s=0.004)
    noted.troubles.append("user 0: \N{SNOWMAN}")
    noted.write(tmp_path / "samples")
    read = Samples.read(tmp_path / "samples")
    assert read == noted
    assert list(read.messages()) == [sent(1), sent(2)]
    assert list(read.deliveries()) == BOTH
    assert read.lateness_s() == [0.004] * 100


@pytest.mark.parametrize(
    ("health", "word"),
    [
        (Health(0.005, 5.0), Word.VALID),
        (Health(0.0051, 0.0), Word.SUSPECT),
        (Health(0.020, 0.0), Word.SUSPECT),
        (Health(0.0201, 0.0), Word.VOID),
        (Health(0.0, 5.1), Word.VOID),
    ],
)
def test_a_generator_that_falls_behind_is_suspect_then_void_and_still_adds_up(health: Health, word: Word) -> None:
    verdict = judge([""], health, mean_gap_s=5.0)
    assert (verdict.word, verdict.adds_up, bool(verdict.reason)) == (word, True, word is not Word.VALID)


def test_deliveries_that_do_not_add_up_void_a_run_in_the_best_of_health() -> None:
    verdict = cell(BOTH[:1]).verdict
    assert (verdict.word, verdict.adds_up) == (Word.VOID, False)
    assert "1 lost" in verdict.reason


def test_a_loss_in_the_warm_up_voids_the_run_too() -> None:
    noted = samples([sent(1, at_s=100.5), sent(2)], [received(1, 0), received(2, 0), received(2, 1)])
    made = make_cell(PLANNED, noted, SPENT)
    assert not made.verdict.adds_up
    assert (made.figures["expected"], made.figures["delivered"], made.figures["lost"]) == (2, 2, 1)
    assert {row.seq for row in made.deliveries} == {2}


def test_a_window_without_messages_is_void() -> None:
    assert not make_cell(PLANNED, samples([], []), SPENT).verdict.adds_up


def test_a_cell_has_the_columns_of_the_schema() -> None:
    assert set(cell(BOTH).figures) == {column.name for column in CELLS}
    assert Delivery._fields == tuple(column.name for column in DELIVERIES)


def test_short_polling_is_predicted_from_the_rate_that_was_measured() -> None:
    prediction = predict(cell(BOTH))  # one message in 10 s, polls every 1 s, and 1 ms to the acknowledgement
    assert prediction.latency_ms(95) == pytest.approx(950)
    assert prediction.requests_per_delivery == pytest.approx(1 / 2 + 10 / 1.001)
    assert prediction.empty_share == pytest.approx(0.9048, abs=1e-3)
