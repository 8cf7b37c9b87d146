"""One real comparison, short: every transport's server and load, and every delivery accounted for."""

import csv
import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from results.schema import CELLS, CELLS_FILE, DELIVERIES, DELIVERIES_FILE, MANIFEST
from servers.transports import TRANSPORTS

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("measuring")]

ROOT = Path(__file__).parents[2]
SLUGS = [transport.slug for transport in TRANSPORTS]
OPTIONS = "--users 8 --room-size 4 --rate 1 --seconds 3 --poll 0.5"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished comparison. Its generator may lag on a busy machine: only counts are tested."""
    out = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "loadtests", "compare", *OPTIONS.split(), "--out", str(out)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = out.iterdir()
    return folder


@pytest.fixture(scope="module")
def cells(run: Path) -> dict[str, dict[str, str]]:
    with (run / CELLS_FILE).open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [column.name for column in CELLS]
    return {row["transport"]: row for row in rows}


def test_every_transport_is_measured_once_and_in_order(cells: dict[str, dict[str, str]]) -> None:
    assert list(cells) == SLUGS


def test_every_acknowledged_message_reached_everyone_exactly_once(cells: dict[str, dict[str, str]]) -> None:
    for cell in cells.values():
        assert int(cell["delivered"]) == int(cell["expected"]) == 4 * int(cell["messages"]) > 0
        assert {cell[name] for name in ("lost", "duplicates", "out_of_order", "send_failures")} == {"0"}


def test_every_transport_bore_the_same_load(cells: dict[str, dict[str, str]]) -> None:
    assert len({(cell["messages"], cell["offered"]) for cell in cells.values()}) == 1


def test_the_clients_and_the_servers_counted_the_same_bytes(cells: dict[str, dict[str, str]]) -> None:
    for cell in cells.values():
        assert "over all" not in cell["reason"]
        if sys.platform == "linux":
            assert min(float(cell["client_up_bytes"]), float(cell["client_down_bytes"])) > 0


def test_every_delivery_has_its_sample(run: Path, cells: dict[str, dict[str, str]]) -> None:
    with gzip.open(run / DELIVERIES_FILE, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [column.name for column in DELIVERIES]
    assert Counter(row["transport"] for row in rows) == {slug: int(cell["delivered"]) for slug, cell in cells.items()}
    for row in rows:
        assert float(row["intended_s"]) <= float(row["sent_s"]) <= float(row["received_s"])
        assert float(row["sent_s"]) <= float(row["acked_s"])


def test_who_asks_and_who_is_told_shows_in_the_counts(cells: dict[str, dict[str, str]]) -> None:
    sends = {slug: int(cell["requests_send"]) for slug, cell in cells.items()}
    assert sends.pop("raw_websocket") == 0 < int(cells["raw_websocket"]["command_frames"])
    assert min(sends.values()) > 0
    reads = {slug: int(cell["requests_receive"]) for slug, cell in cells.items()}
    assert reads["raw_websocket"] == 0 < min(reads["short_polling"], reads["long_polling"])
    assert int(cells["short_polling"]["empty_answers"]) < reads["short_polling"], "some answers brought something"
    assert int(cells["pusher_adapter"]["publish_bytes"]) > 0


def test_the_manifest_tells_how_the_run_was_made(run: Path) -> None:
    manifest = json.loads((run / MANIFEST).read_text())
    assert manifest["partial"] is False
    assert manifest["transports"] == list(manifest["settings"]) == SLUGS
    assert list(manifest["verdicts"]) == [f"{slug}, conversation" for slug in SLUGS]
    assert manifest["workloads"][0]["users"] == 8
    assert OPTIONS in manifest["command"]
    assert {
        "commit",
        "measured_code",
        "machine",
        "versions",
        "workloads",
        "settings",
        "pinning",
        "push_service",
    } <= set(manifest)


def test_the_charts_are_drawn_unless_every_cell_is_void(run: Path, cells: dict[str, dict[str, str]]) -> None:
    charted = any(cell["verdict"] != "void" for cell in cells.values())
    assert bool(list(run.glob("*.png"))) == charted
