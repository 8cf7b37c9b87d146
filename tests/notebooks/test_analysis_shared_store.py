"""What is read from shared_store.json: void rows are left out, errors are refused, and charts are drawn of the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from notebooks.analysis.figures import shared_store as charts
from notebooks.analysis.shared_store import SHARED, StoreChoice, load_shared_store
from results.schema import APPENDS, CROSS_PROCESS, LOADS, SHARED_STORE_FILE
from servers.transports import TRANSPORTS, find
from tests.support.hosted_record import row_of

CHOICES = [StoreChoice("sqlite", 1), *(StoreChoice(store, workers) for store in SHARED for workers in (1, 2))]


def record() -> dict[str, Any]:
    """Return a record of two repeats, in which the second costs twice as much as the first."""
    served = [
        row_of(LOADS, transport=each.slug, store=choice.store, workers=choice.workers, repeat=repeat, verdict="valid")
        | {"delivered": 1000, "expected": 1000, "latency_p50_s": 0.002, "latency_p95_s": 0.004}
        | {"api_cpu_s": 0.1 * (repeat + 1), "store_cpu_s": 0.0 if choice.store == "sqlite" else 0.05 * (repeat + 1)}
        for each in TRANSPORTS
        for choice in CHOICES
        for repeat in range(2)
    ]
    cross_process = [
        row_of(CROSS_PROCESS, transport=each.slug, store=store, repeat=repeat, same_p50_s=0.002, other_p50_s=0.003)
        for each in TRANSPORTS
        for store in SHARED
        for repeat in range(2)
    ]
    appends = [row_of(APPENDS, store="redis", appends=100, acked_p50_s=0.001, api_cpu_s=0.02, store_cpu_s=0.01)]
    made: dict[str, Any] = {
        "machine": {"cpu": "A", "cores": 2},
        "pinning": "none",
        "engines": {"redis": "redis 7"},
        "commit": "0" * 40,
    }
    made |= {"push_service": "local stand-in", "workloads": [{"measured_s": 2.0}], "load_average": 1.0}
    return made | {"loads": served, "cross_process": cross_process, "appends": appends}


def written(folder: Path, made: dict[str, Any]) -> Path:
    (folder / SHARED_STORE_FILE).write_text(json.dumps(made))
    return folder


def test_a_cost_includes_the_engine_and_a_difference_is_that_of_each_repeat(tmp_path: Path) -> None:
    measured = load_shared_store(written(tmp_path, record()))
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
    measured = load_shared_store(written(tmp_path, made))
    assert measured.evidence.startswith(f"{1000 * len(made['loads']) + 30:,} deliveries, none lost")
    assert "2 repeats of 2 s" in measured.evidence
    assert (
        f"1 of {len(made['loads']) + len(made['cross_process'])} windows were measured again" in measured.circumstances
    )


def test_a_void_row_is_left_out(tmp_path: Path) -> None:
    made = record()
    made["loads"][1]["verdict"] = "void"
    measured = load_shared_store(written(tmp_path, made))
    assert measured.cpu_us("short_polling", StoreChoice("sqlite", 1)).total.value == pytest.approx(100)
    assert measured.evidence.endswith("1 void window left out")


def test_a_row_in_which_the_generator_lagged_is_left_out(tmp_path: Path) -> None:
    made = record()
    made["cross_process"][1] |= {"heartbeat_lag_p99_s": 0.1, "other_p50_s": 5.0}
    measured = load_shared_store(written(tmp_path, made))
    assert measured.cross_process_ms("short_polling", "redis").other.value == pytest.approx(3.0)


def test_theory_knows_which_transports_depend_on_the_process() -> None:
    held = {"long_polling", "raw_websocket", "server_sent_events"}
    assert {
        slug for slug in ("short_polling", "pusher_adapter", *held) if charts.depends_on_process(find(slug))
    } == held
