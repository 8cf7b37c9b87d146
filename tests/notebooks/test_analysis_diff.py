"""Two runs beside each other: which changes may be claimed, and which rankings and verdicts are found again."""

import json
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest
from typer.testing import CliRunner

from loadtests.__main__ import app
from notebooks.analysis.claims import ledger
from notebooks.analysis.claims.claim import Finding, Verdict
from notebooks.analysis.claims.ledger import Entry
from notebooks.analysis.diff import P50, Change, Figure, changes, figures_of, ranking_sentences, verdict_sentences
from results.schema import CELLS_FILE, MANIFEST
from tests.support.synthetic_run import SyntheticRun, write

RAW, LONG = ("conversation", "", "raw_websocket"), ("conversation", "", "long_polling")


def p50_is_claimed(first: Path, second: Path) -> dict[tuple[str, str, str], bool]:
    return {each.key: each.is_claimed for each in changes(figures_of(first), figures_of(second)) if each.name == P50}


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
    assert [len(each.second.values) for each in changes(figures_of(before), figures_of(left))] == [1] * 5


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
    runs = map(figures_of, (before, after))
    only_p50 = [{key: figure for key, figure in figures.items() if key[1] == P50} for figures in runs]
    for sentence, expected in zip(ranking_sentences(*only_p50), said, strict=True):
        assert expected in sentence


def test_a_verdict_that_two_runs_do_not_share_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = ledger.CLAIMS[0]
    verdicts = {"a": Verdict.HOLDS, "b": Verdict.HOLDS_WHEN}
    of_run = {tmp_path / name: (Entry(claim, Finding(verdict, "", "")),) for name, verdict in verdicts.items()}
    monkeypatch.setattr(ledger, "ledger", of_run.__getitem__)
    before, after = of_run
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
def test_the_command_compares_no_loads_that_differ_or_that_one_run_lacks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], field: str, value: float, said: str
) -> None:
    for name, each, push_s, slugs in (("before", 0.2, 0.004, [RAW[2], LONG[2]]), ("after", value, 0.050, [RAW[2]])):
        plan = SyntheticRun(repeats=3, slugs=slugs, push_s={RAW[2]: push_s}, messages=400)
        manifest = write(tmp_path / name, plan) / MANIFEST
        made = json.loads(manifest.read_text())
        made["workloads"][0][field] = each
        manifest.write_text(json.dumps(made))
    cells = pd.read_csv(tmp_path / "after" / CELLS_FILE, keep_default_na=False)
    cells.assign(server_down_bytes=1250 * cells["delivered"]).to_csv(tmp_path / "after" / CELLS_FILE, index=False)
    arguments = ["diff", *(str(tmp_path / name) for name in ("before", "after"))]
    assert CliRunner(env={"COLUMNS": "160"}).invoke(app, arguments).exit_code == 0
    printed = capfd.readouterr().out
    assert said in printed and "The verdicts are not compared: " in printed
    for of_compared in ("1,250", "Only in one of the runs: conversation, long_polling."):
        assert (of_compared in printed) == (field == "measured_s")
