"""Percentiles and prices are medians of repeats; no difference below the generator's own error is claimed."""

import json
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from notebooks.analysis import comparisons
from notebooks.analysis.prices import BYTES, CPU, EMPTY, REQUESTS, price
from notebooks.analysis.quantiles import UNCALIBRATED_MS, Interval, interval, latency, resolution_ms, table
from notebooks.analysis.runs import load
from results.schema import MANIFEST
from tests.support.synthetic_run import SyntheticRun, write


def test_a_percentile_is_the_median_of_the_repeats_wherever_it_is_printed(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(repeats=3)))
    p95 = latency(run, "short_polling").quantiles[0.95]
    repeats = run.deliveries_of("short_polling").groupby("repeat")["latency_ms"]
    assert p95.value == pytest.approx(repeats.quantile(0.95).median(), rel=1e-3)
    assert p95.value == comparisons.latency_ms(run, "short_polling", 95).value
    assert p95.low < p95.value < p95.high
    assert table(run).loc[run.label_of("short_polling"), "p95, ms"] == f"{p95.value:,.1f}"


def test_a_percentile_of_too_few_deliveries_is_not_shown(tmp_path: Path) -> None:
    for messages, shares in ((3, [0.50]), (4, [0.50, 0.95]), (199, [0.50, 0.95]), (200, [0.50, 0.95, 0.99])):
        run = load(write(tmp_path, SyntheticRun(users=5, messages=messages)))
        assert list(latency(run, "raw_websocket").quantiles) == shares


def test_what_may_be_claimed_follows_from_the_calibration_of_the_runs_machine(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", SyntheticRun())
    manifest = json.loads((folder / MANIFEST).read_text())
    here = {"cpu": "a fast one", "cores": 2}
    (folder / MANIFEST).write_text(json.dumps(manifest | {"machine": here}))
    assert resolution_ms(load(folder)) == UNCALIBRATED_MS
    rows = [{"overall": {"p50_ms": 0.5, "p99_ms": 7.0}}, {"overall": {"p50_ms": 1.5, "p99_ms": 2.0}}]
    calibrations = [(here, "plain", rows, False), (here | {"cores": 64}, "plain", [], False), (here, "h2", [], False)]
    for number, (machine, link, found, partial) in enumerate([*calibrations, (here, "plain", [], True)]):
        made = {"machine": machine, "rows": found, "load": {"link": link}, "partial": partial}
        (tmp_path / f"calibration-{number}.json").write_text(json.dumps(made))
    assert resolution_ms(load(folder)) == {0.50: 1.5, 0.99: 7.0}


def test_prices_are_ratios_of_counts_and_show_what_the_push_service_spent(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(repeats=2, users=5)))
    cpu = price(run, "pusher_adapter", CPU)
    wire = price(run, "pusher_adapter", BYTES)
    assert cpu is not None and wire is not None
    assert [cpu.total.value, cpu.part] == pytest.approx([3000, 1000])
    assert [wire.total.value, wire.part] == pytest.approx([400, 100])
    behind_nginx = price(replace(run, cells=run.cells.assign(proxy_cpu_s=0.2)), "pusher_adapter", CPU)
    assert behind_nginx is not None
    assert [behind_nginx.total.value, behind_nginx.part] == pytest.approx([4000, 1000])


def test_measured_requests_lie_beside_what_theory_predicts(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(messages=100)))
    assert price(run, "raw_websocket", EMPTY) is None, "it never reads"
    for slug in ("short_polling", "long_polling", "raw_websocket"):
        paid = price(run, slug, REQUESTS)
        assert paid is not None and paid.total.value == pytest.approx(paid.predicted, rel=0.02)


def test_without_the_cpu_time_of_its_engine_a_run_has_no_price_in_cpu_time(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(slugs=["short_polling"], sees_store=False)))
    assert price(run, "short_polling", CPU) is None
    assert price(run, "short_polling", REQUESTS) is not None


@pytest.mark.parametrize("repeats", [[4.0], [1.0, 2.0, 9.0], [5.0, 1.0, 3.0, 2.0, 4.0]])
def test_the_interval_of_repeats_is_their_range_around_their_median(repeats: list[float]) -> None:
    assert interval(repeats) == Interval(median(repeats), min(repeats), max(repeats))
    with pytest.raises(ValueError, match="at least one repeat"):
        interval([])


def test_an_interval_is_written_with_its_limits_on_a_second_line_if_they_differ() -> None:
    assert f"{Interval(4.0, 4.0, 4.0):.1f}" == "4.0"
    assert f"{Interval(1012.4, 990.6, 1040.2):,.0f}" == "1,012\n991\N{EN DASH}1,040"
