"""Loads side by side: the limit of a transport, and intervals over repeats; no more is claimed than was measured."""

import json
from io import StringIO
from pathlib import Path
from random import Random
from statistics import median

import pandas as pd
import pytest
from rich.console import Console

from notebooks.analysis import comparisons
from notebooks.analysis.figures import curves, marks
from notebooks.analysis.intervals import Interval, interval
from notebooks.analysis.knees import Knee, Step, knees
from notebooks.analysis.runs import BrokenRun, load, points
from notebooks.analysis.summary import summary
from results.schema import CELLS_FILE, DELIVERIES_FILE, KINDS_FILE, MANIFEST
from tests.support.synthetic_run import SyntheticRun, write

SURE = Interval(5.0, 4.0, 6.0)


def steps(folder: Path, gave_out: dict[int, str], overloaded: int = 0) -> Path:
    """Write a run of more and more users. gave_out: what did at each, empty if nothing; overloaded: at how many."""
    slug, tables = "raw_websocket", (CELLS_FILE, DELIVERIES_FILE, KINDS_FILE)
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in tables}
    for users, limit in gave_out.items():
        verdict = "void" if limit else "valid"
        write(folder, SyntheticRun(slugs=[slug], verdicts={(slug, 0): verdict}))
        for name, rows in found.items():
            frame = pd.read_csv(folder / name, keep_default_na=False)
            frame["scenario"], frame["point"] = "steps", f"{users} users"
            if name == CELLS_FILE:
                frame["limit"], frame["readings_apart_s"] = limit, 20.0
            rows.append(frame)
    for name, frames in found.items():
        pd.concat(frames).to_csv(folder / name, index=False)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["overloaded"] = [["steps", f"{overloaded} users", slug, 0]] if overloaded else []
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_a_generator_that_gives_out_proves_an_at_least(tmp_path: Path) -> None:
    (knee,) = knees(steps(tmp_path, {100: "", 200: "", 400: "generator"}))
    assert (knee.held, knee.bottleneck, knee.summary) == (200, "generator", "at least 200 users, generator-bound")
    assert [step.p95_ms is None for step in knee.steps] == [False, False, True]


def test_servers_too_busy_to_be_read_are_a_step_of_their_own(tmp_path: Path) -> None:
    (knee,) = knees(steps(tmp_path, {100: ""}, overloaded=200))
    assert knee.summary == "100 users, then the servers gave out"
    assert knee.steps[-1] == Step(200, None, None, ("servers",), 1)


def test_a_transport_without_a_bottleneck_is_reported_as_such(tmp_path: Path) -> None:
    (knee,) = knees(steps(tmp_path, {100: "", 200: ""}))
    assert knee.summary == "at least 200 users: nothing gave out"


def test_latency_beyond_its_budget_is_named() -> None:
    found = Step(100, SURE, SURE, ("servers",), 3), Step(200, SURE, SURE, ("latency",), 1)
    knee = Knee("raw_websocket", "Raw WebSocket", found)
    assert knee.summary == "100 users, then the latency gave out"


def test_a_run_without_steps_or_another_scenario_is_refused_by_its_name(tmp_path: Path) -> None:
    run = write(tmp_path, SyntheticRun())
    with pytest.raises(BrokenRun, match="--scenario steps"):
        knees(run)
    with pytest.raises(BrokenRun, match="no valid cell of distance"):
        points(run, "distance")


def test_a_run_compares_with_itself(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(repeats=3)))
    late = comparisons.latency_ms(run, "short_polling", 50)
    assert late.low <= late.value <= late.high
    assert late.value == pytest.approx(1000, rel=0.1)
    assert comparisons.activity_per_s(run) == pytest.approx(2.0)


def test_names_make_way_for_each_other_and_no_more_than_they_must() -> None:
    assert marks.spread([1.0, 5.0], 1.0) == [1.0, 5.0]
    spread = marks.spread([1.0, 1.1, 1.2], 1.0)
    assert min(spread[1] - spread[0], spread[2] - spread[1]) > 0.99
    assert sum(spread) / 3 == pytest.approx(1.1)


def test_panels_on_one_scale_reach_equally_far() -> None:
    curve = curves.Curve("p50", "#0072B2", [1.0, 2.0], [SURE, SURE])
    theory = curves.Curve("p50", "#0072B2", [1.0, 2.0], [SURE, SURE], [5.0, 500.0])
    panels = [curves.Panel("latency", "seconds", [each], "{:g}".format) for each in (curve, theory)]
    apart, together = (curves.draw(drawn, "Title", "Measure").axes for drawn in (panels, curves.on_one_scale(panels)))
    assert apart[0].get_ylim() != apart[1].get_ylim()
    assert together[0].get_ylim() == together[1].get_ylim() == apart[1].get_ylim()


def test_without_repeats_there_is_no_interval() -> None:
    with pytest.raises(ValueError, match="at least one repeat"):
        interval([])


@pytest.mark.parametrize("repeats", [[4.0], [1.0, 2.0, 9.0], [5.0, 1.0, 3.0, 2.0, 4.0]])
def test_the_interval_of_few_repeats_is_their_range_around_their_median(repeats: list[float]) -> None:
    assert interval(repeats) == Interval(median(repeats), min(repeats), max(repeats))


def test_many_repeats_narrow_it() -> None:
    repeats = [Random(seed).gauss(100.0, 10.0) for seed in range(60)]
    found = interval(repeats)
    assert min(repeats) < found.low < found.value < found.high < max(repeats)
    assert found.high - found.low < 10.0


def test_it_is_the_percentile_interval_that_scipy_draws_from_the_same_seed() -> None:
    """The limits are what `scipy.stats.bootstrap(..., method="percentile")` of scipy 1.17 returned."""
    found = interval([Random(seed).gauss(100.0, 10.0) for seed in range(60)])
    assert (found.low, found.high) == pytest.approx((94.37615918689895, 103.10688213606986), rel=1e-12)


def test_it_is_written_with_its_limits_beneath_if_they_differ() -> None:
    assert f"{Interval(4.0, 4.0, 4.0):.1f}" == "4.0"
    assert f"{Interval(1012.4, 990.6, 1040.2):,.0f}" == "1,012\n991\N{EN DASH}1,040"


def test_the_summary_counts_suspect_repeats_and_leaves_void_ones_out(tmp_path: Path) -> None:
    verdicts = {("raw_websocket", 1): "suspect", ("long_polling", 0): "void"}
    text = printed(write(tmp_path, SyntheticRun(slugs=["long_polling", "raw_websocket"], repeats=3, verdicts=verdicts)))
    (raw,) = [line.split() for line in text.splitlines() if "Raw WebSocket" in line and "left out" not in line]
    (long,) = [line.split() for line in text.splitlines() if "Long polling" in line and "left out" not in line]
    assert raw[-3:] == ["3,", "1", "suspect"]
    assert long[-1] == "2"
    assert "left out: Long polling, repeat 0: the generator lagged" in text
    assert "3 of 4 for 3 repeats" in text


def printed(folder: Path) -> str:
    console = Console(width=120, record=True, file=StringIO())
    console.print(summary(folder))
    return console.export_text()
