"""What the load tests measured of each deployment: read from its record, and shown in a table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebooks.analysis.deployments.reports import NAMES
from notebooks.analysis.deployments.under_load import (
    bytes_each,
    cpu_us,
    latency_ms,
    load_table,
    resident_mib,
    under_load,
)
from results.schema import DEPLOYMENTS, DEPLOYMENTS_FILE
from tests.support.hosted_record import row_of

Row = dict[str, Any]


def a_row(deployment: str, repeat: int = 0) -> Row:
    """Return a row of ten deliveries: each cost 3 ms of CPU, 0.6 KB, and was seen within 4 ms."""
    figures = row_of(DEPLOYMENTS, deployment=deployment, repeat=repeat, verdict="valid")
    figures |= {"delivered": 10, "expected": 10, "latency_p50_s": 0.002, "latency_p99_s": 0.004}
    figures |= {"api_cpu_s": 0.01, "push_service_cpu_s": 0.01, "store_cpu_s": 0.01}
    figures |= {"client_up_bytes": 1000, "client_down_bytes": 2000, "publish_bytes": 3000}
    return figures | {"api_rss_bytes": 2**20, "push_service_rss_bytes": 2**21}


def written(folder: Path, change: Callable[[list[Row]], None] = lambda rows: None) -> Path:
    """Write a record of two repeats, after a change of its rows."""
    rows = [a_row(name, repeat) for name in NAMES for repeat in range(2)]
    change(rows)
    (folder / DEPLOYMENTS_FILE).write_text(json.dumps({"deployments": rows}), encoding="utf-8")
    return folder


def test_costs_are_those_of_one_delivery_over_all_processes_and_directions(tmp_path: Path) -> None:
    rows = under_load(written(tmp_path)).head(1)
    assert [*latency_ms(rows, 50), *latency_ms(rows, 99), *cpu_us(rows)] == pytest.approx([2, 4, 3000])
    assert [*bytes_each(rows), *resident_mib(rows)] == [600, 3]


def test_the_table_shows_medians_with_their_limits_and_leaves_out_void_rows(tmp_path: Path) -> None:
    def change(rows: list[Row]) -> None:
        rows[0] |= {"verdict": "void", "latency_p50_s": 9.0}
        rows[2] |= {"latency_p50_s": 0.004}

    lines = load_table(written(tmp_path, change)).text.splitlines()
    assert [line.split(" | ")[1] for line in lines[2:]] == ["2.0 ms", "3.0 ms (2.0 ms to 4.0 ms)", "2.0 ms"]


def test_cpu_time_that_was_not_counted_is_not_guessed(tmp_path: Path) -> None:
    def uncounted(rows: list[Row]) -> None:
        rows[0]["store_cpu_s"] = None

    assert cpu_us(under_load(written(tmp_path, uncounted))).isna().tolist() == [True, *[False] * 5]
