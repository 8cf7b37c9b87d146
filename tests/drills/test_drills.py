"""The drills, at a size that fits a test run: nothing acknowledged is lost, no input costs more than a refusal."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.drills import __main__ as command
from tests.drills import fuzz, kills

pytestmark = pytest.mark.process
KILLS, INPUTS = 20, 5_000


@pytest.mark.parametrize(
    "batch", kills.plan(KILLS, batch=4), ids=lambda batch: f"{batch['store']}-{batch['transport']}"
)
def test_a_kill_costs_no_acknowledged_message(batch: dict[str, object]) -> None:
    (row,) = kills.rows([batch])
    assert {name: row[name] for name in command.FAULTS if row.get(name)} == {}, row["evidence"]
    assert row["deliveries"] == 4 * row["messages"] > 0


@pytest.mark.parametrize("part", fuzz.plan(INPUTS), ids=lambda part: str(part["listener"]))
def test_no_input_costs_more_than_a_refusal(part: dict[str, object]) -> None:
    (row,) = fuzz.rows([part])
    assert {name: row[name] for name in command.FAULTS if row.get(name)} == {}, row["evidence"]
    assert row["passed"] >= row["refused"]


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
