"""Whole deployments under load: real comparisons of each, and what `python -m loadtests topologies` is made of."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from results.schema import CELLS_FILE, MANIFEST
from servers.deploy.options import OPTIONS, Option
from servers.transports import TRANSPORTS

ROOT = Path(__file__).parents[1]
LOAD = "--users 8 --room-size 4 --rate 1 --seconds 2 --poll 0.5"
SMOKE = "pusher-and-serverless"  # of the three, it has the most processes
EACH = [pytest.param(row, id=row.name, marks=() if row.name == SMOKE else pytest.mark.drill) for row in OPTIONS]


@pytest.mark.parametrize("option", EACH)
def test_a_comparison_of_a_deployment_adds_up_and_counts_all_its_processes(option: Option, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtests", "compare", *LOAD.split(), "--out", str(tmp_path)]
    command += ["--topology", option.name]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    others = [row for row in TRANSPORTS if row.slug != option.transport]
    said = " ".join(done.stdout.split())
    assert f"Served by {option.name}" in said
    assert f"not measured: {', '.join(row.label for row in others)}" in said
    (folder,) = tmp_path.iterdir()
    with (folder / CELLS_FILE).open() as file:
        (cell,) = csv.DictReader(file)
    assert (cell["transport"], cell["store"]) == (option.transport, option.store)
    assert int(cell["delivered"]) == int(cell["expected"]) == 4 * int(cell["messages"]) > 0
    assert "over all" not in cell["reason"], "the kernel of the clients and the edge of the host counted other bytes"
    assert float(cell["api_cpu_s"]) > 0
    assert (float(cell["store_cpu_s"]) > 0) == (option.store != "sqlite")
    assert (float(cell["push_service_cpu_s"]) > 0) == (option.transport == "pusher_adapter")
    assert (float(cell["publish_bytes"]) > 0) == (option.name != "single-server")
    manifest = json.loads((folder / MANIFEST).read_text())
    assert (manifest["topology"], manifest["not_served"]) == (option.name, [row.slug for row in others])
    assert manifest["settings"][option.transport]["topology"] == option.name
