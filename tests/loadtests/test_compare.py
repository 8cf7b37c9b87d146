"""A real comparison: its table, its folder and its manifest, and what Ctrl-C in the middle of another leaves behind."""

import csv
import gzip
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from loadtests.compare import INTERRUPTED
from results.explorer import PAGE
from results.schema import CELLS, DELIVERIES, DELIVERIES_FILE
from servers.transports import TRANSPORTS, Commands, find
from tests.support.deadline import DEADLINE_S
from tests.support.guest import until
from tests.support.loadtest_run import OPTIONS, ROOT, ComparedRun, cells_below, compared, manifest_below, run_loadtests

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("measuring")]

SLUGS = [transport.slug for transport in TRANSPORTS]
SHORT_OPTIONS = "--users 4 --room-size 2 --rate 2 --seconds 1 --transport raw_websocket --transport server_sent_events"
Cells = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ComparedRun:
    """Return a finished comparison. Its generator may lag on a busy machine: no latency is tested."""
    return compared(tmp_path_factory.mktemp("results"), run=run_loadtests)


@pytest.fixture(scope="module")
def cells(run: ComparedRun) -> Cells:
    return {row["transport"]: row for row in run.cells}


def test_every_transport_is_measured_once_and_in_order_under_the_same_load(run: ComparedRun, cells: Cells) -> None:
    assert [cell["transport"] for cell in run.cells] == SLUGS
    assert {tuple(cell) for cell in cells.values()} == {tuple(column.name for column in CELLS)}
    assert len({(cell["messages"], cell["offered"]) for cell in cells.values()}) == 1
    assert {(cell["first_sends"], float(cell["first_ack_p50_s"]) > 0) for cell in cells.values()} == {("8", True)}
    if sys.platform == "linux":  # whose kernel counts
        assert min(float(cell[f"client_{way}_bytes"]) for cell in cells.values() for way in ("up", "down")) > 0


def test_first_sends_are_printed_apart_with_their_number(run: ComparedRun) -> None:
    assert " ".join(run.output.split()).count("(n = 8), later sends") == len(SLUGS)


def test_every_delivery_has_its_sample(run: ComparedRun, cells: Cells) -> None:
    with gzip.open(run.folder / DELIVERIES_FILE, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [column.name for column in DELIVERIES]
    assert Counter(row["transport"] for row in rows) == {slug: int(cell["delivered"]) for slug, cell in cells.items()}
    for row in rows:
        assert float(row["intended_s"]) <= float(row["sent_s"]) <= float(row["received_s"])
        assert float(row["sent_s"]) <= float(row["acked_s"])


def test_the_counts_show_which_transports_send_and_read_by_requests(cells: Cells) -> None:
    for transport in TRANSPORTS:
        cell = cells[transport.slug]
        sends = {Commands.POST: int(cell["requests_send"]), Commands.FRAMES: int(cell["command_frames"])}
        assert [way for way in Commands if sends[way]] == [transport.commands]
    reads = {slug: int(cell["requests_receive"]) for slug, cell in cells.items()}
    assert reads["raw_websocket"] == 0 < min(reads["short_polling"], reads["long_polling"])
    assert int(cells["short_polling"]["empty_answers"]) < reads["short_polling"], "some polls brought something"
    assert int(cells["pusher_adapter"]["publish_bytes"]) > 0


def test_charts_and_the_explorer_are_made_unless_every_cell_is_void(run: ComparedRun) -> None:
    has_charts = any(cell["verdict"] != "void" for cell in run.cells)
    assert bool(list(run.folder.glob("*.png"))) == (run.folder / PAGE).exists() == has_charts


def test_the_manifest_records_how_the_run_was_made(run: ComparedRun) -> None:
    manifest = run.manifest
    assert manifest["partial"] is False
    assert manifest["transports"] == list(manifest["settings"]) == SLUGS
    assert list(manifest["verdicts"]) == [f"{slug}, conversation" for slug in SLUGS]
    assert manifest["workloads"][0]["users"] == 8
    assert OPTIONS in manifest["command"]
    assert manifest.keys() >= {"commit", "measured_code", "machine", "versions", "settings", "pinning", "push_service"}


def test_ctrl_c_ends_the_run_keeps_what_was_finished_and_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtests", "compare", *SHORT_OPTIONS.split(), "--out", str(tmp_path)]
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with psutil.Popen(
        command, cwd=ROOT, env=unbuffered, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        outcome = next(line for line in process.stdout if line.startswith("Raw WebSocket, "))
        started = until(lambda: process.children(recursive=True))  # of the next transport
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
        assert process.wait(DEADLINE_S) == INTERRUPTED, outcome + output
    assert "Interrupted" in output
    assert "Traceback" not in output
    _, alive = psutil.wait_procs(started, timeout=DEADLINE_S)
    assert [child for child in alive if child.status() != psutil.STATUS_ZOMBIE] == []
    manifest = manifest_below(tmp_path)
    assert (manifest["partial"], list(manifest["verdicts"])) == (True, ["raw_websocket, conversation"])
    assert [row["transport"] for row in cells_below(tmp_path)] == ["raw_websocket"]


def test_over_http2_every_delivery_arrives_once_and_a_user_has_one_connection(tmp_path: Path) -> None:
    run = compared(tmp_path, "--link h2")
    assert [row["transport"] for row in run.cells] == SLUGS
    assert {row["link"] for row in run.cells} == {"h2"}
    opened = {row["transport"]: float(row["connections"]) / int(row["users"]) for row in run.cells}
    del opened["pusher_adapter"]  # in which those of the API to the push service are counted, too
    by_frames = {slug for slug in opened if find(slug).commands is Commands.FRAMES}
    assert opened == {slug: 1 + (slug in by_frames) for slug in opened}, "a WebSocket has a connection of its own"
