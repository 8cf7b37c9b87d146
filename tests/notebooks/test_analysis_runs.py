"""What may be charted: void cells and broken runs are refused by name."""

from pathlib import Path

import pandas as pd
import pytest

from notebooks.analysis.runs import CHOICE, BrokenRun, chosen, load
from results.schema import CELLS_FILE, DELIVERIES_FILE, MANIFEST
from tests.support.synthetic_run import ALL, SyntheticRun, write


def test_void_cells_are_left_out_and_named_and_suspect_ones_are_kept(tmp_path: Path) -> None:
    verdicts = {("long_polling", 1): "void", ("short_polling", 0): "suspect"}
    run = load(write(tmp_path, SyntheticRun(repeats=2, verdicts=verdicts)))
    assert set(run.deliveries_of("short_polling")["repeat"]) == {0, 1}
    assert set(run.deliveries_of("long_polling")["repeat"]) == {0}
    assert run.void == ("Long polling, repeat 1: the generator lagged",)
    assert run.slugs == ALL
    folder = write(tmp_path, SyntheticRun(slugs=["raw_websocket"], verdicts={("raw_websocket", 0): "void"}))
    with pytest.raises(BrokenRun, match=r"no valid cell.*Raw WebSocket, repeat 0: the generator lagged"):
        load(folder)


def test_a_run_that_lacks_a_table_or_a_column_is_refused(tmp_path: Path) -> None:
    cells = write(tmp_path, SyntheticRun()) / CELLS_FILE
    (tmp_path / DELIVERIES_FILE).unlink()
    with pytest.raises(BrokenRun, match=r"expected deliveries\.csv\.gz"):
        load(tmp_path)
    cells.write_text(cells.read_text(encoding="utf-8").replace("api_cpu_s", "cpu"), encoding="utf-8")
    with pytest.raises(BrokenRun, match=r"lacks columns of results\.schema: api_cpu_s"):
        load(tmp_path)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(BrokenRun, match=r"not a run: expected manifest\.json"):
        load(tmp_path)


def test_samples_that_do_not_match_the_counts_are_refused(tmp_path: Path) -> None:
    cells = write(tmp_path, SyntheticRun(slugs=["long_polling"], users=5, messages=40)) / CELLS_FILE
    whole = pd.read_csv(cells, keep_default_na=False)
    for column, message in (("expected", "of 201 deliveries 200 came"), ("samples", "has 200 of 201 samples")):
        whole.assign(**{column: 201}).to_csv(cells, index=False, na_rep="nan")
        with pytest.raises(BrokenRun, match=message):
            load(tmp_path)


def test_a_transport_without_a_cell_and_a_setting_that_the_manifest_does_not_state_are_named(tmp_path: Path) -> None:
    (write(tmp_path, SyntheticRun(slugs=["raw_websocket"])) / MANIFEST).write_text('{"workloads": []}')
    run = load(tmp_path)
    with pytest.raises(BrokenRun, match="no valid cell of short_polling"):
        run.deliveries_of("short_polling")
    with pytest.raises(BrokenRun, match="states no 'poll_interval_s'"):
        run.setting("poll_interval_s")


def test_of_several_loads_the_first_is_read_unless_another_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, SyntheticRun())
    for table_of_run in (folder / CELLS_FILE, folder / DELIVERIES_FILE):
        rows = pd.read_csv(table_of_run, keep_default_na=False)
        pd.concat([rows, rows.assign(point="far")]).to_csv(table_of_run, index=False)
    assert load(folder).point == ""
    assert load(folder, point="far").setting("hold_s") == 25.0
    assert len(load(folder, point="far").deliveries) == len(load(folder).deliveries)
    with pytest.raises(BrokenRun, match="no valid cell"):
        load(folder, scenario="chaos")


def test_a_label_says_whose_push_service_it_was(tmp_path: Path) -> None:
    runs = [load(write(tmp_path, SyntheticRun(push_service=name))) for name in ("local stand-in", "rented")]
    labels = [run.label_of("pusher_adapter") for run in runs]
    assert labels == ["Pusher adapter (local stand-in)", "Pusher adapter (rented, not counted)"]


def test_a_reader_may_choose_a_run_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, str(write(tmp_path, SyntheticRun(users=3))))
    assert chosen().folder == tmp_path
