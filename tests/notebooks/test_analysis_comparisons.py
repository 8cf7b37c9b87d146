"""Loads side by side: by the repeats that all have, and by the run that has them."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from notebooks.analysis import comparisons, link
from notebooks.analysis.comparisons import SHORT
from notebooks.analysis.quantiles import Interval
from notebooks.analysis.runs import BrokenRun, chosen_folder, load
from results.schema import CELLS_FILE
from tests.support.synthetic_run import SyntheticRun, write

RAW = "raw_websocket"


def test_a_ratio_of_cpu_times_is_taken_within_each_repeat(tmp_path: Path) -> None:
    """So a machine that is slow in one repeat does not change it."""
    folder = write(tmp_path, SyntheticRun(slugs=["short_polling", "raw_websocket"], repeats=3))
    cells = pd.read_csv(folder / CELLS_FILE, keep_default_na=False)
    speed = cells["repeat"].map({0: 1.0, 1: 2.0, 2: 3.0})
    cells["api_cpu_s"] = speed * cells["transport"].map({"short_polling": 2.0, "raw_websocket": 1.0})
    cells.loc[(cells["transport"] == "raw_websocket") & (cells["repeat"] == 0), "verdict"] = "void"
    cells.to_csv(folder / CELLS_FILE, index=False)
    assert comparisons.cpu_ratio(load(folder), "short_polling", "raw_websocket") == Interval(2.0, 2.0, 2.0)


def test_runs_are_compared_by_the_repeats_that_both_have() -> None:
    plain, *_ = link.points_of("link").values()
    halved = replace(plain, cells=plain.cells[plain.cells["repeat"] > 0].assign(delivered=plain.cells["delivered"] * 2))
    assert link.beside(halved, plain, SHORT) == pytest.approx(0.5)


def test_a_repeat_that_is_void_at_one_point_is_left_out_at_every_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its cells, of its kinds, from which latencies come, and of its deliveries."""
    void = {(SHORT, 1): "void"}
    runs = {
        name: load(write(tmp_path / name, SyntheticRun(slugs=[SHORT, RAW], repeats=3, verdicts=verdicts)))
        for name, verdicts in (("a", void), ("b", {}))
    }
    monkeypatch.setattr(link, "points", lambda *_: runs)
    for run in link.points_of("link").values():
        for table in (run.cells, run.kinds, run.deliveries):
            assert {slug: set(rows["repeat"]) for slug, rows in table.groupby("transport")} == {
                SHORT: {0, 2},
                RAW: {0, 1, 2},
            }


def test_a_scenario_that_the_chosen_run_has_is_read_there_and_one_that_nobody_has_is_refused() -> None:
    assert {run.folder for run in link.points_of("distance").values()} == {chosen_folder()}
    with pytest.raises(BrokenRun, match="no valid cell of nothing"):
        link.points_of("nothing")


def test_a_sentence_is_judged_by_its_figure_and_shows_it() -> None:
    run, *_ = link.points_of("link").values()
    row = link.Sentence("two and two is four", lambda _: 4.0, "in all", 4, 4)
    assert row.on(run) == "holds: 4 in all"
    assert replace(row, least=5).on(run) == "**does not hold**: 4 in all"
