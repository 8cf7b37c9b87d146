"""What is measured in place of one server of ours: a deployment as it stands, or another server."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.inbox import Inbox
from loadtests.compare import FAILED
from loadtests.experiments.deployments.command import trials
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.server_probe import Probe, Server
from loadtests.plan.workload import Workload
from loadtests.reports import report
from loadtests.reports.trials import WRONG
from loadtests.scenarios import experiment
from loadtests.targets.nchan import server as nchan
from loadtests.targets.nchan.nchan_session import START, of_headers, page_of_frame, to_message_id, to_seq
from loadtests.targets.other_server import OtherServer
from results import schema
from results.schema import DEPLOYMENTS_FILE
from servers.core.wire import Kind, Page, Send, encode
from servers.deploy.deployments import DEPLOYMENTS, Deployment
from servers.transports import TRANSPORTS
from tests.support.loadtest_run import ROOT, compared, run_loadtests

ANYWHERE = Cores(None, None)
LOAD = "--users 8 --room-size 4 --rate 1 --seconds 2 --poll 0.5"
SMOKE = "pusher-and-serverless"  # of the three, it has the most processes
DEPLOYMENT_PARAMS = [
    pytest.param(row, id=row.name, marks=() if row.name == SMOKE else pytest.mark.drill) for row in DEPLOYMENTS
]
MESSAGE_IDS = st.tuples(st.integers(1, 4_000_000_000), st.integers(0, 1_000_000))
"""Nchan's second and place within it."""


@pytest.mark.xdist_group("measuring")
@pytest.mark.process
@pytest.mark.parametrize("deployment", DEPLOYMENT_PARAMS)
def test_a_comparison_of_a_deployment_adds_up_and_counts_all_processes(deployment: Deployment, tmp_path: Path) -> None:
    run = compared(tmp_path, f"{LOAD} --deployment {deployment.name}")
    others = [row for row in TRANSPORTS if row.slug != deployment.transport]
    shown = " ".join(run.output.split())
    assert f"Served by {deployment.name}" in shown
    assert f"not measured: {', '.join(row.label for row in others)}" in shown
    (cell,), manifest = run.cells, run.manifest
    assert (cell["transport"], cell["store"]) == (deployment.transport, deployment.store)
    assert float(cell["api_cpu_s"]) > 0
    assert (float(cell["store_cpu_s"]) > 0) == (deployment.store != "sqlite")
    assert (float(cell["push_service_cpu_s"]) > 0) == (deployment.transport == "pusher_adapter")
    assert (float(cell["publish_bytes"]) > 0) == (deployment.name != "single-server")
    assert (manifest["deployment"], manifest["not_served"]) == (deployment.name, [row.slug for row in others])
    assert manifest["settings"][deployment.transport]["deployment"] == deployment.name


@pytest.mark.xdist_group("measuring")
@pytest.mark.drill
def test_each_deployment_has_a_row_in_which_nothing_is_lost(tmp_path: Path) -> None:
    done = run_loadtests(tmp_path, "deployments --quick", timeout_s=200)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / DEPLOYMENTS_FILE).read_text())["deployments"]
    assert {row["deployment"] for row in rows} == {deployment.name for deployment in DEPLOYMENTS}
    assert_sound(rows)


def test_the_record_holds_each_deployment_as_often_as_was_planned_in_another_order_each_time() -> None:
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
    """Every column is there, every delivery came once, and every process that there is was counted."""
    for row in rows:
        assert list(row) == [column.name for column in schema.DEPLOYMENTS]
        assert row["delivered"] == row["expected"] == Workload().room_size * row["messages"] > 0
        assert [row[name] for name in WRONG] == [0] * len(WRONG)
        assert 0 < row["latency_p50_s"] <= row["latency_p99_s"]
        assert row["api_cpu_s"] > 0
        assert (row["store_cpu_s"] > 0) == (row["store"] != "sqlite")
        assert (row["push_service_cpu_s"] > 0) == (row["transport"] == "pusher_adapter")


@given(MESSAGE_IDS, MESSAGE_IDS)
def test_sequence_numbers_are_in_the_order_of_message_ids(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (seq_of(one) < seq_of(other)) == (one < other)


@given(MESSAGE_IDS)
def test_a_sequence_number_leads_back_to_its_message_id(message_id: tuple[int, int]) -> None:
    second, place = message_id
    assert to_message_id(seq_of(message_id)) == f"{second}:{place}"


def seq_of(message_id: tuple[int, int]) -> int:
    second, place = message_id
    return to_seq(f"{second}:{place}")


def test_a_frame_is_an_event_of_its_publisher_and_what_came_before_the_join_is_dropped() -> None:
    message_id = of_headers("Sun, 22 Nov 2026 23:33:16 GMT", "3")
    assert message_id == "1795390396:3"
    body, inbox = encode(Send(client_id="7-0", text="12.5 hello")), Inbox(Page.empty(START).cursor)
    page = page_of_frame("room-1", START, b"id: 1795390396:3\ncontent-type: application/json\n\n" + body)
    (event,) = inbox.feed(page)
    assert (event.seq, event.kind, event.sender) == (to_seq(message_id), Kind.MESSAGE, "7")
    assert (event.body, event.client_id) == ("12.5 hello", "7-0")
    assert inbox.feed(page_of_frame("room-1", START, b"id: 1795390396:2\n\n" + body)) == []


def test_what_a_server_does_not_count_is_not_a_number_and_shown_as_a_dash() -> None:
    silent = Probe(Server("http://127.0.0.1:1", "", {}, {}), os.getpid())
    spent = silent.difference(silent.read(), silent.read())
    assert all(math.isnan(spent[name]) for name in ("requests_receive", "server_up_bytes", "api_cpu_s"))
    assert spent["generator_cpu_s"] >= 0
    assert report._formatted(math.nan, ",.0f") == "-"


def test_the_name_of_a_target_is_in_every_label() -> None:
    labels = [row.label for row in OtherServer("nchan").transports]
    assert labels == ["Short polling (nchan)", "Long polling (nchan)", "Raw WebSocket (nchan)"]


def test_what_is_missing_is_named_with_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nchan, "MODULE", tmp_path / "absent.so")
    target = OtherServer("nchan").serving(TRANSPORTS[0], Workload(), ANYWHERE, tmp_path, lambda: None)
    with pytest.raises(NotMeasured, match=r"not installed.*apt-get install nginx libnginx-mod-nchan"), target:
        pass


@pytest.mark.xdist_group("measuring")
@pytest.mark.process
def test_another_server_delivers_everything_to_the_same_users(tmp_path: Path) -> None:
    """Where nginx cannot be had, the run fails with the reason; `.ci/setup` installs it on Debian as root."""
    options = f"{LOAD} --seconds 4 --target nchan --transport short_polling"
    if not nchan.MODULE.exists():
        done = run_loadtests(tmp_path, f"compare {options}")
        assert (done.returncode, "apt-get install nginx" in done.stdout) == (FAILED, True)
        return
    run = compared(tmp_path, options)
    (cell,), (settings,) = run.cells, run.manifest["settings"].values()
    assert min(float(cell["requests_receive"]), float(cell["api_rss_bytes"])) > 0
    assert cell["server_up_bytes"] == "nan"
    assert run.manifest["target"] == settings["target"] == "nchan"
    assert settings["server"].startswith("nginx")
