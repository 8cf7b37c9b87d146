"""The drills, at a size that fits a test run: nothing acknowledged is lost, no input costs more than a refusal."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from servers.transports import TRANSPORTS
from tests.drills import __main__ as command
from tests.drills import faults, fuzz, kills, soak

pytestmark = pytest.mark.process
KILLS, INPUTS, SOAK_S = 20, 5_000, 5.0


@pytest.mark.xdist_group("drills-kills")
@pytest.mark.parametrize(
    "batch", kills.plan(KILLS, batch=4), ids=lambda batch: f"{batch['store']}-{batch['transport']}"
)
def test_a_kill_costs_no_acknowledged_message(batch: dict[str, object]) -> None:
    (row,) = kills.rows([batch])
    assert {name: row[name] for name in command.FAULTS if row.get(name)} == {}, row["evidence"]
    assert row["deliveries"] == 4 * row["messages"] > 0


@pytest.mark.xdist_group("drills-fuzz")
@pytest.mark.parametrize("part", fuzz.plan(INPUTS), ids=lambda part: str(part["listener"]))
def test_no_input_costs_more_than_a_refusal(part: dict[str, object]) -> None:
    (row,) = fuzz.rows([part])
    assert {name: row[name] for name in command.FAULTS if row.get(name)} == {}, row["evidence"]
    assert row["passed"] >= row["refused"]


def test_a_soak_loses_nothing_and_measures_every_transport() -> None:
    rows = list(soak.rows(soak.plan(SOAK_S)))
    assert [{name: row[name] for name in command.FAULTS if row.get(name)} for row in rows] == [{}] * len(rows)
    measured = {row["transport"] for row in rows if row["messages"] and row["memory_bytes"]}
    assert measured == {row.slug for row in TRANSPORTS}


def faults_to_try() -> list[object]:
    """Return the faults that `make test` tries; those that need a namespace of their own are left to `make drills`."""
    chosen = [("stopped", "single-server"), ("clock", "raw_websocket"), ("disk", "raw_websocket")]
    rows = [row for row in faults.plan(1.0) if (row["fault"], row["where"]) in chosen]
    marks = {"disk": (pytest.mark.drill,)}
    return [pytest.param(row, id=f"{row['fault']}-{row['what']}", marks=marks.get(row["fault"], ())) for row in rows]


@pytest.mark.parametrize("fault", faults_to_try())
def test_a_fault_costs_no_acknowledged_message(fault: dict[str, object]) -> None:
    (row,) = faults.rows([fault])
    assert {name: row[name] for name in command.FAULTS if row.get(name)} == {}, row
    assert row["deliveries"] == 4 * row["messages"] > 0


def test_a_drill_goes_on_after_its_last_row(tmp_path: Path) -> None:
    path, plan = tmp_path / "kills.jsonl", [{"turn": turn} for turn in range(3)]
    asked: list[command.Key] = []

    def rows(todo: Iterable[command.Key]) -> Iterator[command.Row]:
        for key in list(todo)[:2]:
            asked.append(key)
            yield {**key, "lost": 0}

    command.resume(path, plan, rows)
    command.resume(path, plan, rows)
    assert asked == plan
    assert [row["turn"] for row in command.read(path)] == [0, 1, 2]
