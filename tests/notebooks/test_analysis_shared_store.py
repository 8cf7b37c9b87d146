"""What is read of shared_store.json and deployments.json: void rows are left out, and errors are refused."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from notebooks.analysis.deployments import side_by_side
from notebooks.analysis.deployments.reports import NAMES
from notebooks.analysis.figures import shared_store as charts
from notebooks.analysis.shared_store import SHARED, SharedStore, StoreChoice, load_shared_store
from results.schema import APPENDS, CROSS_PROCESS, DEPLOYMENTS, DEPLOYMENTS_FILE, LOADS, SHARED_STORE_FILE
from servers.transports import TRANSPORTS, find
from tests.support.hosted_record import row_of

Row = dict[str, Any]
CHOICES = [StoreChoice("sqlite", 1), *(StoreChoice(store, workers) for store in SHARED for workers in (1, 2))]


def record() -> dict[str, Any]:
    """Return a record of two repeats, in which the second costs twice as much as the first."""
    served = [
        row_of(LOADS, transport=each.slug, store=choice.store, workers=choice.workers, repeat=repeat, verdict="valid")
        | {"delivered": 1000, "expected": 1000, "latency_p50_s": 0.002, "latency_p95_s": 0.004}
        | {"api_cpu_s": 0.1 * (repeat + 1), "store_cpu_s": 0.0 if choice.store == "sqlite" else 0.05 * (repeat + 1)}
        for each, choice, repeat in product(TRANSPORTS, CHOICES, range(2))
    ]
    cross_process = [
        row_of(CROSS_PROCESS, transport=each.slug, store=store, repeat=repeat, same_p50_s=0.002, other_p50_s=0.003)
        for each, store, repeat in product(TRANSPORTS, SHARED, range(2))
    ]
    appends = [row_of(APPENDS, store="redis", appends=100, acked_p50_s=0.001, api_cpu_s=0.02, store_cpu_s=0.01)]
    made: dict[str, Any] = {"machine": {"cpu": "A", "cores": 2}, "engines": {"redis": "redis 7"}, "commit": "0" * 40}
    made |= {"pinning": "none", "push_service": "local stand-in", "workloads": [{"measured_s": 2.0}]}
    return made | {"load_average": 1.0, "loads": served, "cross_process": cross_process, "appends": appends}


def loaded(folder: Path, made: dict[str, Any]) -> SharedStore:
    (folder / SHARED_STORE_FILE).write_text(json.dumps(made))
    return load_shared_store(folder)


def test_a_cost_includes_the_engine_and_a_difference_is_that_of_each_repeat(tmp_path: Path) -> None:
    measured = loaded(tmp_path, record())
    assert measured.choices == tuple(CHOICES)
    cost = measured.cpu_us("raw_websocket", StoreChoice("redis", 2))
    assert [cost.total.value, cost.engine] == pytest.approx([225, 75])
    assert measured.cpu_us("raw_websocket", StoreChoice("sqlite", 1)).engine == 0
    assert measured.cross_process_ms("raw_websocket", "redis").difference.value == pytest.approx(1.0)
    assert measured.append_ms("redis").value == pytest.approx(1.0)
    assert measured.append_cpu_us("redis").total.value == pytest.approx(300)


def test_the_evidence_states_deliveries_and_repeated_windows(tmp_path: Path) -> None:
    made = record()
    made["cross_process"][0] |= {"same_n": 10, "other_n": 20, "trials": 2}
    measured = loaded(tmp_path, made)
    assert measured.evidence.startswith(f"{1000 * len(made['loads']) + 30:,} deliveries, none lost")
    assert "2 repeats of 2 s" in measured.evidence
    windows = len(made["loads"]) + len(made["cross_process"])
    assert f"1 of {windows} windows were measured again" in measured.circumstances


def test_a_void_row_and_one_in_which_the_generator_lagged_are_left_out(tmp_path: Path) -> None:
    made = record()
    made["loads"][1]["verdict"] = "void"
    made["cross_process"][1] |= {"heartbeat_lag_p99_s": 0.1, "other_p50_s": 5.0}
    measured = loaded(tmp_path, made)
    assert measured.cpu_us("short_polling", StoreChoice("sqlite", 1)).total.value == pytest.approx(100)
    assert measured.cross_process_ms("short_polling", "redis").other.value == pytest.approx(3.0)
    assert measured.evidence.endswith("2 void windows left out")


def test_theory_knows_which_transports_depend_on_the_process() -> None:
    held = {"long_polling", "raw_websocket", "server_sent_events"}
    slugs = ("short_polling", "pusher_adapter", *held)
    assert {slug for slug in slugs if charts.depends_on_process(find(slug))} == held


def a_row(deployment: str, repeat: int = 0) -> Row:
    """Return a row of ten deliveries: each cost 3 ms of CPU, 0.6 KB, and was seen within 4 ms."""
    figures = row_of(DEPLOYMENTS, deployment=deployment, repeat=repeat, verdict="valid")
    figures |= {"delivered": 10, "expected": 10, "latency_p50_s": 0.002, "latency_p99_s": 0.004}
    figures |= {"api_cpu_s": 0.01, "push_service_cpu_s": 0.01, "store_cpu_s": 0.01}
    figures |= {"client_up_bytes": 1000, "client_down_bytes": 2000, "publish_bytes": 3000}
    return figures | {"api_rss_bytes": 2**20, "push_service_rss_bytes": 2**21}


def write_deployments(folder: Path, change: Callable[[list[Row]], None] = lambda rows: None) -> Path:
    """Write a record of two repeats, after a change of its rows."""
    rows = [a_row(name, repeat) for name in NAMES for repeat in range(2)]
    change(rows)
    (folder / DEPLOYMENTS_FILE).write_text(json.dumps({"deployments": rows}), encoding="utf-8")
    return folder


def test_costs_are_those_of_one_delivery_over_all_processes_and_directions(tmp_path: Path) -> None:
    rows = side_by_side.under_load(write_deployments(tmp_path)).head(1)
    figures = (side_by_side.latency_ms(rows, 50), side_by_side.latency_ms(rows, 99), side_by_side.cpu_us(rows))
    assert [each.item() for each in figures] == pytest.approx([2, 4, 3000])
    assert [*side_by_side.bytes_each(rows), *side_by_side.resident_mib(rows)] == [600, 3]


def test_the_table_shows_medians_with_their_limits_and_leaves_out_void_rows(tmp_path: Path) -> None:
    def change(rows: list[Row]) -> None:
        rows[0] |= {"verdict": "void", "latency_p50_s": 9.0}
        rows[2] |= {"latency_p50_s": 0.004}

    lines = side_by_side.load_table(write_deployments(tmp_path, change)).text.splitlines()
    assert [line.split(" | ")[1] for line in lines[2:]] == ["2.0 ms", "3.0 ms (2.0 ms to 4.0 ms)", "2.0 ms"]


def test_cpu_time_that_was_not_counted_is_not_guessed(tmp_path: Path) -> None:
    rows = side_by_side.under_load(write_deployments(tmp_path, lambda rows: rows[0].update(store_cpu_s=None)))
    assert side_by_side.cpu_us(rows).isna().tolist() == [True, *[False] * 5]
