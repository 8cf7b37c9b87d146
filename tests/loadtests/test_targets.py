"""What is measured in place of one server: a deployment as it stands."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from loadtests.experiments.deployments.command import trials
from loadtests.harness import server_probe
from loadtests.harness.server_probe import Probe, Server
from loadtests.plan.workload import Workload
from loadtests.reports import report
from loadtests.reports.trials import WRONG
from loadtests.scenarios import experiment
from loadtests.targets.target import OurServers
from results import schema
from results.schema import DEPLOYMENTS_FILE
from servers.deploy.deployments import DEPLOYMENTS, Deployment
from servers.transports import TRANSPORTS, Transport
from tests.support.loadtest_run import ANYWHERE, ROOT, compared, run_loadtests

SMOKE = "pusher-and-serverless"  # of the three, it has the most processes
DEPLOYMENT_PARAMS = [
    pytest.param(row, id=row.name, marks=() if row.name == SMOKE else pytest.mark.drill) for row in DEPLOYMENTS
]


@pytest.mark.xdist_group("measuring")
@pytest.mark.process
@pytest.mark.parametrize("deployment", DEPLOYMENT_PARAMS)
def test_a_comparison_of_a_deployment_adds_up_and_counts_all_processes(deployment: Deployment, tmp_path: Path) -> None:
    run = compared(tmp_path, f"--deployment {deployment.name}")
    others = [row for row in TRANSPORTS if row.slug != deployment.transport]
    shown = " ".join(run.output.split())
    assert f"Served by {deployment.name}" in shown
    assert f"not measured: {', '.join(row.label for row in others)}" in shown
    (cell,) = run.cells
    manifest = run.manifest
    assert (cell["transport"], cell["store"]) == (deployment.transport, deployment.store)
    assert float(cell["api_cpu_s"]) > 0
    assert (float(cell["store_cpu_s"]) > 0) == (deployment.store != "sqlite")
    assert (float(cell["push_service_cpu_s"]) > 0) == (deployment.transport == "pusher_adapter")
    assert (float(cell["publish_bytes"]) > 0) == (deployment.name != "single-server")
    assert (manifest["deployment"], manifest["not_served"]) == (deployment.name, [row.slug for row in others])
    assert manifest["settings"][deployment.transport]["deployment"] == deployment.name


@pytest.mark.xdist_group("measuring")
@pytest.mark.process
@pytest.mark.drill
def test_each_deployment_has_a_row_in_which_nothing_is_lost(tmp_path: Path) -> None:
    run_loadtests(tmp_path, "deployments --quick")
    rows = json.loads((tmp_path / DEPLOYMENTS_FILE).read_text())["deployments"]
    assert {row["deployment"] for row in rows} == {deployment.name for deployment in DEPLOYMENTS}
    assert_sound(rows)


def test_the_record_has_each_planned_repeat_of_each_deployment_in_an_order_of_its_own() -> None:
    made = json.loads((ROOT / "results" / "reference" / DEPLOYMENTS_FILE).read_text())
    assert not made["partial"]
    planned = [tuple(trial.key.values()) for trial in trials(experiment("deployments"), ANYWHERE)]
    assert [(row["deployment"], row["transport"], row["repeat"]) for row in made["deployments"]] == planned
    names = [name for name, *_ in planned]
    orders = {tuple(names[start : start + len(DEPLOYMENTS)]) for start in range(0, len(names), len(DEPLOYMENTS))}
    assert {frozenset(order) for order in orders} == {frozenset(row.name for row in DEPLOYMENTS)}
    assert len(orders) > 1
    assert_sound(made["deployments"])


def assert_sound(rows: list[dict[str, Any]]) -> None:
    """Every column is there, every delivery came once, and every process was counted."""
    for row in rows:
        assert list(row) == [column.name for column in schema.DEPLOYMENTS]
        assert row["delivered"] == row["expected"] == Workload().room_size * row["messages"] > 0
        assert [row[name] for name in WRONG] == [0] * len(WRONG)
        assert 0 < row["latency_p50_s"] <= row["latency_p99_s"]
        assert row["api_cpu_s"] > 0
        assert (row["store_cpu_s"] > 0) == (row["store"] != "sqlite")
        assert (row["push_service_cpu_s"] > 0) == (row["transport"] == "pusher_adapter")


def test_a_figure_that_a_server_does_not_count_is_nan_and_shown_as_a_dash() -> None:
    silent = Probe(Server("http://127.0.0.1:1", "", {}, {"store": "redis"}), os.getpid())
    spent = silent.difference(silent.read(), silent.read())
    assert all(math.isnan(spent[name]) for name in ("requests_receive", "server_up_bytes", "store_cpu_s"))
    assert spent["generator_cpu_s"] >= 0
    assert report._formatted(math.nan, ",.0f") == "-"


@pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda row: row.slug)
def test_what_a_rented_push_service_exchanges_is_unknown_and_not_zero(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    http, websocket = {"received": 1, "sent": 2}, {"received": 0, "sent": 0}
    wire = {"http": http, "websocket": websocket, "connections_open": 2}
    counted = {"requests": {}, "command_frames": 0, "empty_answers": 0, "wire": wire}
    monkeypatch.setattr(server_probe, "read_stats", lambda *_, **__: counted)
    read = OurServers().probe(transport, Server("http://api", "", {}, {}), os.getpid()).read()
    shared = [read[name] for name in ("publish_bytes", "server_up_bytes", "server_down_bytes", "connections")]
    assert shared == pytest.approx([math.nan] * 4 if transport.needs_push_service else [0, 1, 2, 1], nan_ok=True)
