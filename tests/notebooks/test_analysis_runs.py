"""What may be charted: void cells and broken runs are refused by name, and figures come from pooled samples."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from notebooks.analysis.prices import BYTES, CPU, EMPTY, REQUESTS, price
from notebooks.analysis.quantiles import TRIALS_MS, differences, latency, resolution_ms, share_near_mean, table
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


def test_percentiles_are_of_the_pooled_samples_with_the_range_over_repeats(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(repeats=3)))
    p95 = latency(run, "short_polling").quantiles[1]
    assert p95.pooled_ms == pytest.approx(np.quantile(run.deliveries_of("short_polling")["latency_ms"], 0.95))
    assert p95.low_ms < p95.pooled_ms < p95.high_ms
    assert "p95 by repeat" in table(run)
    few = load(write(tmp_path, SyntheticRun(users=5, messages=4)))  # above whose p99 no sample could lie
    assert [quantile.share for quantile in latency(few, "raw_websocket").quantiles] == [0.50, 0.95]


def test_a_difference_below_the_generators_own_error_may_not_be_claimed(tmp_path: Path) -> None:
    push_s = {"raw_websocket": 0.0040, "long_polling": 0.0045, "pusher_adapter": 0.030}
    run = load(write(tmp_path, SyntheticRun(push_s=push_s)))
    assert not differences(run, ["raw_websocket", "long_polling"])["may be claimed"].any()
    assert differences(run, ["raw_websocket", "pusher_adapter"])["may be claimed"].all()


def test_a_mean_describes_a_tenth_of_what_is_uniform() -> None:
    assert share_near_mean(np.linspace(0, 1, 10_001)) == pytest.approx(0.1, abs=0.001)


def test_prices_are_ratios_of_sums_and_show_what_the_push_service_spent(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(repeats=2, users=5)))
    cpu, wire = price(run, "pusher_adapter", CPU), price(run, "pusher_adapter", BYTES)
    assert cpu is not None and wire is not None
    assert [cpu.value, cpu.push_service] == pytest.approx([3000, 1000])
    assert [wire.value, wire.push_service] == pytest.approx([400, 100])


def test_measured_requests_lie_beside_what_theory_predicts(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(messages=100)))
    assert price(run, "raw_websocket", EMPTY) is None, "it never reads"
    for slug in ("short_polling", "long_polling", "raw_websocket"):
        paid = price(run, slug, REQUESTS)
        assert paid is not None and paid.value == pytest.approx(paid.predicted, rel=0.02)


def test_what_another_target_does_not_count_has_no_price_and_no_prediction(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(slugs=["short_polling"], target="nchan")))
    assert [price(run, "short_polling", measure) for measure in (EMPTY, BYTES)] == [None, None]
    paid = price(run, "short_polling", REQUESTS)
    assert paid is not None and paid.predicted is None
    assert run.label_of("short_polling") == "Short polling (nchan)"


def test_what_may_be_claimed_follows_from_the_calibration_of_the_runs_machine(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", SyntheticRun())
    manifest = json.loads((folder / MANIFEST).read_text())
    here = {"cpu": "a fast one", "cores": 2}
    (folder / MANIFEST).write_text(json.dumps(manifest | {"machine": here}))
    assert resolution_ms(load(folder)) == TRIALS_MS
    rows = [{"overall": {"p50_ms": 0.5, "p99_ms": 7.0}}, {"overall": {"p50_ms": 1.5, "p99_ms": 2.0}}]
    for name, machine in (("1", here), ("2", here | {"cores": 64})):
        (tmp_path / f"calibration-{name}.json").write_text(json.dumps({"machine": machine, "rows": rows}))
    assert resolution_ms(load(folder)) == {0.50: 1.5, 0.99: 7.0}
