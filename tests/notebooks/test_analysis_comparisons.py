"""Loads and runs side by side: limits, intervals over repeats, and which differences may be claimed."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from random import Random
from statistics import median
from unittest.mock import Mock

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from loadtests.__main__ import app
from loadtests.accounts.verdict import doubt
from notebooks.analysis import comparisons, link
from notebooks.analysis.claims import ledger
from notebooks.analysis.claims.claim import Finding, Verdict
from notebooks.analysis.claims.ledger import Entry
from notebooks.analysis.comparisons import SHORT
from notebooks.analysis.diff import P50, Change, Figure, Side, changes, ranking_sentences, read_side, verdict_sentences
from notebooks.analysis.figures import curves, marks
from notebooks.analysis.knees import Step, knees, limit_curves
from notebooks.analysis.quantiles import Interval, interval
from notebooks.analysis.runs import BrokenRun, chosen_folder, load, points
from notebooks.analysis.summary import left_out, summary
from results.schema import CELLS_FILE, DELIVERIES_FILE, KINDS_FILE, MANIFEST
from tests.support.synthetic_run import SyntheticRun, write

SURE = Interval(5.0, 4.0, 6.0)


def steps(folder: Path, limits: dict[int, str], overloaded: int = 0) -> Path:
    """Write a run of more and more users. limits: by users, "" if none was reached. overloaded: by so many users."""
    slug = "raw_websocket"
    tables: dict[str, list[pd.DataFrame]] = {CELLS_FILE: [], DELIVERIES_FILE: [], KINDS_FILE: []}
    for users, limit in limits.items():
        write(folder, SyntheticRun(slugs=[slug], verdicts={(slug, 0): "void" if limit else "valid"}))
        for name, frames in tables.items():
            frame = pd.read_csv(folder / name, keep_default_na=False)
            frames.append(frame.assign(scenario="steps", point=f"{users} users"))
        tables[CELLS_FILE][-1] = tables[CELLS_FILE][-1].assign(limit=limit, readings_apart_s=20.0)
    for name, frames in tables.items():
        pd.concat(frames).to_csv(folder / name, index=False)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["overloaded"] = [["steps", f"{overloaded} users", slug, 0]] if overloaded else []
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    ("limits", "overloaded", "text"),
    [
        ({100: "", 200: "", 400: "generator"}, 0, "at least 200 users, limited by the load generator"),
        ({100: ""}, 200, "100 users, limited by the servers"),
        ({100: "", 200: ""}, 0, "at least 200 users: no limit reached"),
        ({100: "", 200: "latency"}, 0, "100 users, limited by the latency"),
        ({100: "", 200: "latency", 400: ""}, 0, "100 users, limited by the latency"),
    ],
)
def test_the_limit_of_a_transport_is_named(limits: dict[int, str], overloaded: int, text: str, tmp_path: Path) -> None:
    (knee,) = knees(steps(tmp_path, limits, overloaded))
    assert knee.summary == text
    (curve,) = limit_curves([knee], lambda step: SURE)
    assert len(curve.crossed) == (1 if overloaded else 0), "a limit of the servers"
    assert len(curve.ringed) == len([limit for limit in limits.values() if limit]), "any other limit"
    assert [step.p95_ms is None for step in knee.steps if step.users != overloaded] == [*map(bool, limits.values())]
    assert not overloaded or knee.steps[-1] == Step(overloaded, None, None, ("servers",), 1)


@pytest.mark.parametrize(("reason", "most_users"), [(doubt(1.3), 100), ("the load generator lagged", 0)])
def test_a_slow_machine_alone_is_no_limit(tmp_path: Path, reason: str, most_users: int) -> None:
    folder = steps(tmp_path, {100: ""})
    cells = pd.read_csv(folder / CELLS_FILE, keep_default_na=False)
    cells.assign(verdict="suspect", reason=reason).to_csv(folder / CELLS_FILE, index=False)
    (knee,) = knees(folder)
    assert knee.most_users == most_users


@pytest.mark.parametrize(
    ("reason", "lost", "bottleneck"),
    [
        ("of 2,000 deliveries: 3 lost", 3, "losses"),
        ("the load generator lagged, by 30 ms at p99", 0, "generator"),
        ("of 2,000 deliveries: 3 lost; the load generator lagged, by 30 ms at p99", 3, "generator"),
        ("sends fell behind their schedule, by 9.0 s at p99", 0, "servers"),
    ],
)
def test_a_void_step_is_blamed_on_the_generator_only_if_that_lagged(
    tmp_path: Path, reason: str, lost: int, bottleneck: str
) -> None:
    folder = steps(tmp_path, {100: "", 200: "none"})
    cells = pd.read_csv(folder / CELLS_FILE, keep_default_na=False)
    cells["limit"] = ""
    cells["reason"] = cells["verdict"].map({"void": reason, "valid": ""})
    cells["lost"] = cells["verdict"].map({"void": lost, "valid": 0})
    cells.to_csv(folder / CELLS_FILE, index=False)
    (knee,) = knees(folder)
    assert (knee.most_users, knee.bottleneck) == (100, bottleneck)


def test_a_run_without_steps_or_another_scenario_is_refused_by_its_name(tmp_path: Path) -> None:
    run = write(tmp_path, SyntheticRun())
    with pytest.raises(BrokenRun, match="--scenario steps"):
        knees(run)
    with pytest.raises(BrokenRun, match="no valid cell of distance"):
        points(run, "distance")


def test_a_runs_latency_and_activity_are_read_from_its_tables(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(repeats=3)))
    late = comparisons.latency_ms(run, "short_polling", 50)
    assert late.low <= late.value <= late.high
    assert late.value == pytest.approx(1000, rel=0.1)
    assert comparisons.activity_per_s(run) == pytest.approx(2.0)


def test_labels_are_moved_apart_no_further_than_necessary() -> None:
    assert marks.spread([1.0, 5.0], 1.0) == [1.0, 5.0]
    spread = marks.spread([1.0, 1.1, 1.2], 1.0)
    assert min(spread[1] - spread[0], spread[2] - spread[1]) > 0.99
    assert sum(spread) / 3 == pytest.approx(1.1)


def test_a_curve_without_points_has_a_cross_and_no_name() -> None:
    found = [curves.Curve(name, "#0072B2", [1.0], [SURE]) for name in ("one", "two")]
    full = replace(found[1], x=[], points=[], crossed=[2.0])
    (axes,) = curves.draw([curves.Panel("users", "n", [found[0], full], "{:g}".format)], "Title", "Measure").axes
    assert [text.get_text() for text in axes.texts] == ["one"]


def test_panels_on_one_scale_reach_equally_far() -> None:
    curve = curves.Curve("p50", "#0072B2", [1.0, 2.0], [SURE, SURE])
    theory = curves.Curve("p50", "#0072B2", [1.0, 2.0], [SURE, SURE], [5.0, 500.0])
    panels = [curves.Panel("latency", "seconds", [each], "{:g}".format) for each in (curve, theory)]
    apart, together = (curves.draw(drawn, "Title", "Measure").axes for drawn in (panels, curves.on_one_scale(panels)))
    assert apart[0].get_ylim() != apart[1].get_ylim()
    assert together[0].get_ylim() == together[1].get_ylim() == apart[1].get_ylim()


@pytest.mark.parametrize("repeats", [[4.0], [1.0, 2.0, 9.0], [5.0, 1.0, 3.0, 2.0, 4.0]])
def test_the_interval_of_few_repeats_is_their_range_around_their_median(repeats: list[float]) -> None:
    assert interval(repeats) == Interval(median(repeats), min(repeats), max(repeats))
    with pytest.raises(ValueError, match="at least one repeat"):
        interval([])


def test_the_interval_of_many_repeats_is_scipys_percentile_bootstrap() -> None:
    """The limits are those of `scipy.stats.bootstrap(..., method="percentile")` of scipy 1.17."""
    found = interval([Random(seed).gauss(100.0, 10.0) for seed in range(60)])
    assert (found.low, found.high) == pytest.approx((94.37615918689895, 103.10688213606986), rel=1e-12)


def test_an_interval_is_written_with_its_limits_on_a_second_line_if_they_differ() -> None:
    assert f"{Interval(4.0, 4.0, 4.0):.1f}" == "4.0"
    assert f"{Interval(1012.4, 990.6, 1040.2):,.0f}" == "1,012\n991\N{EN DASH}1,040"


def test_the_summary_counts_suspect_repeats_and_leaves_void_ones_out(tmp_path: Path) -> None:
    verdicts = {("raw_websocket", 1): "suspect", ("long_polling", 0): "void"}
    run = write(tmp_path, SyntheticRun(slugs=["long_polling", "raw_websocket"], repeats=3, verdicts=verdicts))
    console = Console(width=120, record=True, file=StringIO())
    console.print(summary(run))
    text = console.export_text()
    (raw,) = [line.split() for line in text.splitlines() if "Raw WebSocket" in line and "left out" not in line]
    (long,) = [line.split() for line in text.splitlines() if "Long polling" in line and "left out" not in line]
    assert raw[-3:] == ["3,", "1", "suspect"]
    assert long[-1] == "2"
    assert "left out: Long polling, repeat 0: the generator lagged" in text
    assert "3/4 of all cases for 3 repeats, in 15/16 for 5" in " ".join(text.split())


def test_every_cell_that_is_not_simply_valid_is_listed_with_the_reason(tmp_path: Path) -> None:
    verdicts = {("raw_websocket", 1): "suspect", ("long_polling", 0): "void"}
    run = write(tmp_path, SyntheticRun(slugs=["long_polling", "raw_websocket"], repeats=3, verdicts=verdicts))
    cells = pd.read_csv(run / CELLS_FILE, keep_default_na=False)
    cells["attempts"] = cells["repeat"].map({0: 1, 1: 1, 2: 2})
    cells.to_csv(run / CELLS_FILE, index=False)
    manifest = json.loads((run / MANIFEST).read_text())
    manifest["overloaded"] = [["steps", "9 users", "long_polling", 0]]
    reasons = {
        "long_polling, steps, 9 users": "not measured: the server sent no counters",
        "raw_websocket, link, loss, and delay, repeat 4": "not measured: no process: it ended",
        "raw_websocket, conversation": "",
    }
    manifest["verdicts"] = {name: {"verdict": "void", "reason": reason} for name, reason in reasons.items()}
    (run / MANIFEST).write_text(json.dumps(manifest))
    found = left_out(run)[["transport", "repeat", "verdict", "reason"]].to_numpy().tolist()
    again = "measured again, since the machine was slow"
    lagged = "the generator lagged"
    assert sorted(found) == [
        ["long_polling", 0, "not measured", "the servers were too busy"],
        ["long_polling", 0, "void", lagged],
        ["long_polling", 2, "valid", again],
        ["raw_websocket", 1, "suspect", lagged],
        ["raw_websocket", 2, "valid", again],
        ["raw_websocket", 4, "not measured", "no process: it ended"],
    ]
    console = Console(width=120, record=True, file=StringIO())
    console.print(summary(run))
    text = console.export_text()
    assert "not measured: steps, 9 users, long_polling, repeat 0: the servers were too busy\n" in text
    assert "not measured: link, loss, and delay, raw_websocket, repeat 4: no process: it ended\n" in text


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
        name: load(write(tmp_path / name, SyntheticRun(slugs=[SHORT, RAW[2]], repeats=3, verdicts=verdicts)))
        for name, verdicts in (("a", void), ("b", {}))
    }
    monkeypatch.setattr(link, "points", lambda *_: runs)
    for run in link.points_of("link").values():
        for table in (run.cells, run.kinds, run.deliveries):
            assert {slug: set(rows["repeat"]) for slug, rows in table.groupby("transport")} == {
                SHORT: {0, 2},
                RAW[2]: {0, 1, 2},
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


RAW, LONG = ("conversation", "", "raw_websocket"), ("conversation", "", "long_polling")


def p50_is_claimed(first: Path, second: Path) -> dict[tuple[str, str, str], bool]:
    return {each.key: each.is_claimed for each in changes(read_side(first), read_side(second)) if each.name == P50}


def test_a_latency_that_grew_is_claimed_and_one_within_the_generators_error_is_not(tmp_path: Path) -> None:
    before = write(tmp_path / "before", SyntheticRun(repeats=3, slugs=[RAW[2], LONG[2]]))
    slower = {RAW[2]: 0.050, LONG[2]: 0.0045}
    after = write(tmp_path / "after", SyntheticRun(repeats=3, slugs=[RAW[2], LONG[2]], push_s=slower))
    assert p50_is_claimed(before, after) == {RAW: True, LONG: False}
    made = {"machine": dict.fromkeys(("cpu", "cores")), "rows": [{"overall": {"p50_ms": 90.0, "p99_ms": 90.0}}]}
    (tmp_path / "calibration-1.json").write_text(json.dumps(made))
    assert p50_is_claimed(before, after) == {RAW: False, LONG: False}
    overlapping = Change(RAW, P50, Figure([1.0, 2.0, 30.0], 1.0), Figure([20.0, 25.0, 40.0], 1.0))
    assert not overlapping.is_claimed
    assert Change(RAW, P50, Figure([0.0, 0.0]), Figure([1.0, 2.0])).percent == "from 0"


def test_one_repeat_has_no_range_and_a_void_one_does_not_count(tmp_path: Path) -> None:
    before = write(tmp_path / "before", SyntheticRun(repeats=3, slugs=[RAW[2]]))
    once = write(tmp_path / "once", SyntheticRun(slugs=[RAW[2]], push_s={RAW[2]: 0.050}))
    assert p50_is_claimed(before, once) == {RAW: False}
    void = {(RAW[2], repeat): "void" for repeat in (0, 1)}
    left = write(tmp_path / "left", SyntheticRun(repeats=3, slugs=[RAW[2]], push_s={RAW[2]: 0.05}, verdicts=void))
    assert [len(each.second.values) for each in changes(read_side(before), read_side(left))] == [1] * 5


@pytest.mark.parametrize(
    ("raw_s", "said"),
    [
        (0.004, ["In the second run 1 are the same, 0 are within chance, and 0 are reversed."]),
        (0.021, ["1 are within chance", f"Within chance: conversation, p50, ms: {RAW[2]} below {LONG[2]}."]),
        (0.040, ["1 are reversed", f"Reversed: conversation, p50, ms: {RAW[2]} below {LONG[2]}."]),
    ],
)
def test_a_ranking_is_found_again_or_within_chance_or_reversed(tmp_path: Path, raw_s: float, said: list[str]) -> None:
    slugs = [RAW[2], LONG[2]]
    before = write(tmp_path / "before", SyntheticRun(repeats=3, slugs=slugs, push_s={RAW[2]: 0.004, LONG[2]: 0.020}))
    after = write(tmp_path / "after", SyntheticRun(repeats=3, slugs=slugs, push_s={RAW[2]: raw_s, LONG[2]: 0.020}))
    only_p50 = [
        each._replace(figures={key: each.figures[key] for key in each.figures if key[1] == P50})
        for each in map(read_side, (before, after))
    ]
    for sentence, expected in zip(ranking_sentences(*only_p50), said, strict=True):
        assert expected in sentence


def test_a_verdict_that_two_runs_do_not_share_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = ledger.CLAIMS[0]
    verdicts = {"a": Verdict.HOLDS, "b": Verdict.HOLDS_WHEN}
    of_run = {tmp_path / name: (Entry(claim, Finding(verdict, "", "")),) for name, verdict in verdicts.items()}
    monkeypatch.setattr(ledger, "ledger", of_run.__getitem__)
    before, after = (Side(folder, {}) for folder in of_run)
    assert verdict_sentences(before, before) == ["Verdicts of the ledger: 1 of 1 are the same."]
    totals, named = verdict_sentences(before, after)
    assert totals == "Verdicts of the ledger: 0 of 1 are the same."
    assert named == f"{claim.quote}: holds, then holds when."
    monkeypatch.setattr(ledger, "ledger", Mock(side_effect=ValueError("a void load")))
    assert verdict_sentences(before, after) == ["The verdicts are not compared: a void load."]


@pytest.mark.process
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("rate_per_s", 0.5, "Not compared, since the loads differ: conversation (rate_per_s)."),
        ("measured_s", 99.0, "Changes by more than chance: 3."),
    ],
)
def test_loads_of_one_name_that_differ_are_not_compared(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], field: str, value: float, said: str
) -> None:
    for name, each, push_s in (("before", 0.2, 0.004), ("after", value, 0.050)):
        plan = SyntheticRun(repeats=3, slugs=[RAW[2]], push_s={RAW[2]: push_s}, messages=400)
        manifest = write(tmp_path / name, plan) / MANIFEST
        made = json.loads(manifest.read_text())
        made["workloads"][0][field] = each
        manifest.write_text(json.dumps(made))
    cells = pd.read_csv(tmp_path / "after" / CELLS_FILE, keep_default_na=False)
    cells.assign(server_down_bytes=1250 * cells["delivered"]).to_csv(tmp_path / "after" / CELLS_FILE, index=False)
    arguments = ["diff", *(str(tmp_path / name) for name in ("before", "after"))]
    assert CliRunner(env={"COLUMNS": "160"}).invoke(app, arguments).exit_code == 0
    printed = capfd.readouterr().out
    assert said in printed
    assert ("1,250" in printed) == (field == "measured_s")


@pytest.mark.process
@pytest.mark.parametrize(("push_s", "counted"), [(0.004, 0), (0.050, 2)])
def test_the_command_prints_both_runs_and_names_loads_of_one_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], push_s: float, counted: int
) -> None:
    before = write(tmp_path / "before", SyntheticRun(repeats=3, slugs=[RAW[2], LONG[2]]))
    after = write(tmp_path / "after", SyntheticRun(repeats=3, slugs=[RAW[2]], push_s={RAW[2]: push_s}))
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["diff", str(before), str(after)])
    printed = capfd.readouterr().out
    assert done.exit_code == 0
    assert f"Changes by more than chance: {counted}." in printed
    assert "Only in one of the runs: conversation, long_polling." in printed
    assert "The verdicts are not compared: " in printed
