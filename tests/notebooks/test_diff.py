"""Two runs side by side: a change is claimed if repeats and calibration allow it, and else not."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loadtests.__main__ import app
from notebooks.analysis.diff import P50, changes
from tests.support.synthetic_run import SyntheticRun, write

RAW, LONG = ("conversation", "", "raw_websocket"), ("conversation", "", "long_polling")


def p50_is_claimed(first: Path, second: Path) -> dict[tuple[str, str, str], bool]:
    return {each.load: each.is_claimed for each in changes(first, second) if each.figure == P50}


def test_a_latency_that_grew_is_claimed_and_one_within_the_generators_error_is_not(tmp_path: Path) -> None:
    before = write(tmp_path / "before", SyntheticRun(repeats=3, slugs=[RAW[2], LONG[2]]))
    slower = {RAW[2]: 0.050, LONG[2]: 0.0045}
    after = write(tmp_path / "after", SyntheticRun(repeats=3, slugs=[RAW[2], LONG[2]], push_s=slower))
    assert p50_is_claimed(before, after) == {RAW: True, LONG: False}
    made = {"machine": dict.fromkeys(("cpu", "cores")), "rows": [{"overall": {"p50_ms": 90.0, "p99_ms": 90.0}}]}
    (tmp_path / "calibration-1.json").write_text(json.dumps(made))
    assert p50_is_claimed(before, after) == {RAW: False, LONG: False}


def test_one_repeat_has_no_range_and_a_void_one_does_not_count(tmp_path: Path) -> None:
    before = write(tmp_path / "before", SyntheticRun(repeats=3, slugs=[RAW[2]]))
    once = write(tmp_path / "once", SyntheticRun(slugs=[RAW[2]], push_s={RAW[2]: 0.050}))
    assert p50_is_claimed(before, once) == {RAW: False}
    void = {(RAW[2], repeat): "void" for repeat in (0, 1)}
    left = write(tmp_path / "left", SyntheticRun(repeats=3, slugs=[RAW[2]], push_s={RAW[2]: 0.05}, verdicts=void))
    assert [len(each.second) for each in changes(before, left)] == [1] * 5


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
    assert f"{counted} changes are more than chance" in printed
    assert "Only in one of the runs: conversation, long_polling." in printed
