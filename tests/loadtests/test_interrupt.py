"""Ctrl-C in the middle of a real comparison: what was finished is kept, and nothing goes on behind our backs."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from loadtests.compare import INTERRUPTED
from results.schema import CELLS_FILE, MANIFEST

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("measuring")]

ROOT = Path(__file__).parents[2]
OPTIONS = "--users 4 --room-size 2 --rate 1 --seconds 2 --transport raw_websocket --transport server_sent_events"


def test_ctrl_c_ends_the_run_keeps_what_was_finished_and_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtests", "compare", *OPTIONS.split(), "--out", str(tmp_path)]
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=unbuffered, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        outcome = next(line for line in process.stdout if line.startswith("Raw WebSocket, "))
        deadline_s = time.monotonic() + 60
        while not (started := psutil.Process(process.pid).children(recursive=True)):  # of the next transport
            assert time.monotonic() < deadline_s
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
        assert process.wait(timeout=60) == INTERRUPTED, outcome + output
    assert "Interrupted" in output
    assert "Traceback" not in output
    _, alive = psutil.wait_procs(started, timeout=30)
    assert [child for child in alive if child.status() != psutil.STATUS_ZOMBIE] == []
    (folder,) = tmp_path.iterdir()
    assert json.loads((folder / MANIFEST).read_text())["partial"]
    with (folder / CELLS_FILE).open() as file:
        assert [row["transport"] for row in csv.DictReader(file)] == ["raw_websocket"]
