"""Claims about the three deployments: each verdict follows from parts, outages, bills and code."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from notebooks.analysis.claims import deployments
from notebooks.analysis.claims.claim import Evidence, Observed, Verdict
from notebooks.analysis.deployments.reports import MANAGED, SEPARATE, SINGLE
from results import schema
from results.schema import CELLS_FILE, CODE_COMPARISON_FILE, OUTAGES_FILE, PARTS_FILE, SHARED_STORE_FILE
from tests.support.claims import REFERENCE, changed, judged

CPU = ("api_cpu_s", "store_cpu_s", "push_service_cpu_s")
HOLDS, NO_LONGER = Verdict.HOLDS, Verdict.NO_LONGER
Test = Callable[[Evidence], Observed]
Figures = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the reference, to change."""
    for path in REFERENCE.iterdir():
        if path.suffix in (".json", ".csv", ".gz"):
            shutil.copy(path, tmp_path)
    return tmp_path


def change(record: Any, figures: Figures) -> None:
    """Set figures in a record, or in each row of a table; a nested dict has the figures of a part."""
    for row in record if isinstance(record, list) else [record]:
        for name, figure in figures.items():
            if isinstance(figure, dict) and (isinstance(row[name], list) or figure.keys() <= row[name].keys()):
                change(row[name], figure)
            else:
                row[name] = figure


WITHOUT_API = "Pusher in JavaScript, without an API"
RECEIVES_ANOTHER: Figures = {"in_node": {"result": {"received": "Bye!"}}}
RUNS: Figures = {
    "WebSocket in JavaScript, as written": {"in_node": {"result": {"received": "Hello!", "type": "String"}}}
}


@pytest.mark.parametrize(
    ("test", "file", "figures", "verdict"),
    [
        (deployments.scale_yourself, SHARED_STORE_FILE, {"loads": dict.fromkeys(CPU, 0.1)}, NO_LONGER),
        (deployments.easy_setup, CODE_COMPARISON_FILE, {"Pusher chat in Python": {"lines": 20}}, HOLDS),
        (deployments.easy_setup, CODE_COMPARISON_FILE, {WITHOUT_API: {"lines": 13}}, NO_LONGER),
        (deployments.external_dependency, OUTAGES_FILE, {"outages": {"silent_s": 0.1}}, NO_LONGER),
        (deployments.two_servers, PARTS_FILE, {SEPARATE: {"own": ["server", "store"]}}, NO_LONGER),
        (deployments.more_complex, PARTS_FILE, {SEPARATE: {"links": []}}, NO_LONGER),
        (deployments.pusher_code_runs, CODE_COMPARISON_FILE, {WITHOUT_API: RECEIVES_ANOTHER}, NO_LONGER),
        (deployments.keep_pusher, schema.DEPLOYMENTS_FILE, {"deployments": {"latency_p50_s": 0.001}}, HOLDS),
        (deployments.speaks_at_once, CODE_COMPARISON_FILE, RUNS, HOLDS),
        (deployments.relays_as_it_came, CODE_COMPARISON_FILE, RUNS, HOLDS),
    ],
)
def test_a_verdict_follows_the_record(folder: Path, test: Test, file: str, figures: Figures, verdict: Verdict) -> None:
    with changed(folder / file) as record:
        change(record, figures)
    assert judged(test, Evidence(folder)).verdict is verdict


def test_a_free_tier_that_lasts_the_whole_day_holds(folder: Path) -> None:
    cells = pd.read_csv(folder / CELLS_FILE, keep_default_na=False)
    cells.loc[cells["scenario"] == "conversation", "measured_s"] *= 100.0
    cells.to_csv(folder / CELLS_FILE, index=False)
    assert judged(deployments.free_tier, Evidence(folder)).verdict is HOLDS


def test_a_message_lost_by_the_single_server_counts_against_it(folder: Path) -> None:
    with changed(folder / OUTAGES_FILE) as record:
        own = [row for row in record["outages"] if row["deployment"] == SINGLE]
        own[0]["lost"] = 1
    found = judged(deployments.single_server, Evidence(folder))
    assert found.verdict is NO_LONGER
    assert f"1 of {1 + sum(row['deliveries'] for row in own):,} deliveries lost" in found.figure


def test_connections_that_break_with_the_api_are_counted(folder: Path) -> None:
    with changed(folder / OUTAGES_FILE) as record:
        own = [row for row in record["outages"] if row["deployment"] == SEPARATE]
        killed = next(row for row in own if row["failure"] == "api_host_killed")
        killed.update(connections_broken=3, unacknowledged_s=2.5)
    assert "3 connections broke, and a send waited 2.5 s" in deployments.two_servers(Evidence(folder)).figure


def test_a_server_that_costs_less_from_the_start_is_not_more_expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployments, "COMPARED", ((SINGLE, ""), (MANAGED, "")))
    assert judged(deployments.more_expensive, Evidence(REFERENCE)).verdict is NO_LONGER
