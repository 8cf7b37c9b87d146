"""What is read of shared_store.json and deployments.json: void rows are left out, and errors are refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from notebooks.analysis.deployments import side_by_side
from notebooks.analysis.deployments.reports import NAMES
from notebooks.analysis.shared_store import SHARED, StoreChoice, load_shared_store
from results.schema import DEPLOYMENTS_FILE, SHARED_STORE_FILE
from tests.support.claims import changed

Row = dict[str, Any]
CHOICES = [StoreChoice("sqlite", 1), *(StoreChoice(store, workers) for store in SHARED for workers in (1, 2))]


@contextmanager
def shared_store_record(folder: Path) -> Iterator[Any]:
    """Yield the reference's record with round figures, which grow with the repeat, to change it further."""
    with changed(folder / SHARED_STORE_FILE) as record:
        for row in record["loads"]:
            engine_s = 0.0 if row["store"] == "sqlite" else 0.05 * (row["repeat"] + 1)
            row |= {"verdict": "valid", "delivered": 1000, "expected": 1000, "trials": 1}
            row |= {"api_cpu_s": 0.1 * (row["repeat"] + 1), "push_service_cpu_s": 0.0, "store_cpu_s": engine_s}
        for row in record["cross_process"]:
            row |= {"same_n": 0, "other_n": 0, "trials": 1, "same_p50_s": 0.002, "other_p50_s": 0.003}
            row["heartbeat_lag_p99_s"] = 0.0
        for row in record["appends"]:
            row |= {"appends": 100, "acked_p50_s": 0.001, "api_cpu_s": 0.02, "store_cpu_s": 0.01}
        yield record


def test_a_cost_includes_the_engine_and_a_difference_is_that_of_each_repeat(tmp_path: Path) -> None:
    with shared_store_record(tmp_path):
        pass
    measured = load_shared_store(tmp_path)
    assert measured.choices == tuple(CHOICES)
    cost = measured.cpu_us("raw_websocket", StoreChoice("redis", 2))
    assert [cost.total.value, cost.part] == pytest.approx([300, 100])
    assert measured.cpu_us("raw_websocket", StoreChoice("sqlite", 1)).part == 0
    assert measured.cross_process_ms("raw_websocket", "redis").difference.value == pytest.approx(1.0)
    assert measured.append_ms("redis").value == pytest.approx(1.0)
    assert measured.append_cpu_us("redis").total.value == pytest.approx(300)


def test_the_evidence_states_deliveries_and_repeated_windows(tmp_path: Path) -> None:
    with shared_store_record(tmp_path) as record:
        record["cross_process"][0] |= {"same_n": 10, "other_n": 20, "trials": 2}
    measured = load_shared_store(tmp_path)
    assert measured.evidence.startswith(f"{1000 * len(record['loads']) + 30:,} deliveries, none lost")
    assert "3 repeats of 2 s" in measured.evidence
    windows = len(record["loads"]) + len(record["cross_process"])
    assert f"1 of {windows} windows were measured again" in measured.circumstances


def test_a_void_row_and_one_in_which_the_generator_lagged_are_left_out(tmp_path: Path) -> None:
    with shared_store_record(tmp_path) as record:
        void, lagged = record["loads"][0], record["cross_process"][0]
        void |= {"verdict": "void", "api_cpu_s": 9.0}
        lagged |= {"heartbeat_lag_p99_s": 0.1, "other_p50_s": 5.0}
    measured = load_shared_store(tmp_path)
    assert measured.cpu_us(void["transport"], StoreChoice(void["store"], void["workers"])).total.high < 1000
    assert measured.cross_process_ms(lagged["transport"], lagged["store"]).other.high == pytest.approx(3.0)
    assert measured.evidence.endswith("2 void windows left out, since the load generator lagged")


def write_deployments(folder: Path, change: Callable[[list[Row]], None] = lambda rows: None) -> Path:
    """Write two repeats of ten deliveries, each of 3 ms of CPU and 0.6 KB, after a change of rows."""
    with changed(folder / DEPLOYMENTS_FILE) as record:
        rows = sorted(record["deployments"], key=lambda row: ([*NAMES].index(row["deployment"]), row["repeat"]))
        record["deployments"] = rows = [row for row in rows if row["repeat"] < 2]
        for row in rows:
            row |= {"delivered": 10, "expected": 10, "latency_p50_s": 0.002, "latency_p99_s": 0.004}
            row |= {"api_cpu_s": 0.01, "push_service_cpu_s": 0.01, "store_cpu_s": 0.01}
            row |= {"client_up_bytes": 1000, "client_down_bytes": 2000, "publish_bytes": 3000}
            row |= {"api_rss_bytes": 2**20, "push_service_rss_bytes": 2**21}
        change(rows)
    return folder


def test_costs_are_those_of_one_delivery_over_all_processes_and_directions(tmp_path: Path) -> None:
    rows = side_by_side.under_load(write_deployments(tmp_path)).head(1)
    figures = (side_by_side.median_ms(rows), side_by_side.cpu_us(rows))
    assert [each.item() for each in figures] == pytest.approx([2, 3000])
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
