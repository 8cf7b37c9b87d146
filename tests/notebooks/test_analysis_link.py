"""What the notebook of the link computes, on the runs that it reads."""

from dataclasses import replace

import pytest

from notebooks.analysis import link
from notebooks.analysis.comparisons import SHORT
from notebooks.analysis.runs import BrokenRun, chosen_folder, load


def test_runs_are_compared_by_the_repeats_that_both_have() -> None:
    plain, *_ = link.points_of("link").values()
    halved = replace(plain, cells=plain.cells[plain.cells["repeat"] > 0].assign(delivered=plain.cells["delivered"] * 2))
    assert link.beside(halved, plain, SHORT) == pytest.approx(0.5)


def test_a_scenario_that_the_chosen_run_has_is_read_there_and_one_that_nobody_has_is_refused() -> None:
    assert {run.folder for run in link.points_of("distance").values()} == {chosen_folder()}
    with pytest.raises(BrokenRun, match="not a whole run"):
        link.points_of("nothing")


def test_a_sentence_is_judged_by_its_figure_and_shows_it() -> None:
    run = load(link.INTERIM / "link", "link")
    row = link.Sentence("two and two is four", lambda _: 4.0, "in all", 4, 4)
    assert row.on(run) == "holds: 4 in all"
    assert replace(row, least=5).on(run) == "**does not hold**: 4 in all"
